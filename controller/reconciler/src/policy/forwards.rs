//! What is forwarded between guests and the host.

use std::net::{IpAddr, Ipv4Addr};

use limekiln_api::lima::{Int, PortForward};
use limekiln_api::{Lima, Name};

use super::judge::{Judge, denied, quoted, written};
use super::judged::of_template;
use super::paths::one_root;

const PORTS: &str = "portForwards.ports";

pub(super) fn judge(judge: &mut Judge<'_>, name: &Name, lima: &Lima) {
    for (index, forward) in lima.port_forwards.iter().flatten().enumerate() {
        if forward.ignore != Some(true) {
            judge_forward(judge, name, &of_template(format!("portForwards[{index}]")), forward);
        }
    }
    let port = lima.ssh.as_ref().and_then(|ssh| ssh.local_port).unwrap_or_default();
    if port.0 != 0 {
        let otherwise = "leave it out, and a free port is taken";
        judge_ports(judge, of_template("ssh.localPort"), [port, port], otherwise);
    }
}

fn judge_forward(judge: &mut Judge<'_>, name: &Name, field: &str, forward: &PortForward) {
    let rules = &judge.rules().port_forwards;
    let reverse = forward.reverse == Some(true);
    let why = "the guest would reach a socket of the host";
    judge.flag(rules.reverse, "portForwards.reverse", &format!("{field}.reverse"), reverse, why);
    if let Some(socket) = &forward.host_socket {
        return judge_socket(judge, name, &format!("{field}.hostSocket"), socket);
    }
    let address = forward.host_ip.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)).to_string();
    let at = format!("{field}.hostIP");
    judge.pattern(&rules.addresses, "portForwards.addresses", &at, &address);
    let one = |port: Int| [port, port];
    let ports = forward.host_port_range.or(forward.host_port.map(one));
    // A single port is shown where it is written.
    let key = if forward.host_port.is_some() { "hostPort" } else { "hostPortRange" };
    let ports = ports.unwrap_or([Int(1), Int(65535)]);
    let otherwise = format!("write a `{key}` that is allowed");
    judge_ports(judge, format!("{field}.{key}"), ports, &otherwise);
}

fn judge_ports(judge: &mut Judge<'_>, field: String, [first, last]: [Int; 2], otherwise: &str) {
    let within = |&[low, high]: &[u16; 2]| i64::from(low) <= first.0 && last.0 <= i64::from(high);
    let allowed = first <= last && judge.rules().port_forwards.ports.iter().any(within);
    let value = if first == last { first.to_string() } else { format!("{first}-{last}") };
    let denial = (!allowed).then(|| {
        let write = written(PORTS, &format!("[[{first}, {last}]]"));
        denied(format!("{value} is within none of its ranges"), write).or(otherwise)
    });
    judge.note(PORTS, field, value, denial);
}

/// The instance's own directory is where sockets belong.
fn judge_socket(judge: &mut Judge<'_>, name: &Name, field: &str, socket: &str) {
    const RULE: &str = "portForwards.sockets";
    let own = judge.ground.facts.lima_home.join(name.as_str()).join("sock");
    let resolve = judge.ground.resolve;
    let real = |path: &std::path::Path| path.is_absolute().then(|| resolve(path).ok()).flatten();
    if let (Some(socket_at), Some(own)) = (real(socket.as_ref()), real(&own))
        && socket_at != own
        && socket_at.starts_with(&own)
    {
        return judge.note(RULE, field, socket, None);
    }
    let roots = judge.rules().port_forwards.sockets.iter().map(String::as_str);
    judge.below(RULE, field, socket, roots, |path| {
        std::path::Path::new(path).parent().map_or_else(
            || one_root(path),
            |parent| format!("[{}]", quoted(&parent.to_string_lossy())),
        )
    });
}
