//! Rules about ports, one forward at a time.

use super::findings::Findings;
use crate::lima::{Int, PortForward};
use crate::{HostFacts, Lima};

/// Plain mode forwards every port of a range from the boot on.
const MANY_PORTS: i64 = 10;

pub(super) fn check(lima: &Lima, host: &HostFacts, findings: &mut Findings) {
    let ssh = lima.ssh.as_ref().and_then(|ssh| ssh.local_port).unwrap_or_default();
    if ssh.0 != 0 {
        port("ssh.localPort", ssh, findings);
    }
    for (index, rule) in lima.port_forwards.iter().flatten().enumerate() {
        let path = format!("portForwards[{index}]");
        guest_side(&path, rule, findings);
        host_side(&path, rule, host, findings);
        both_sides(&path, rule, findings);
        at_boot(&path, rule, lima.plain == Some(true), findings);
    }
}

fn port(path: &str, port: Int, findings: &mut Findings) {
    if port.0 == 22 {
        let hint = "choose another port; Lima itself forwards the guest's port 22";
        findings.error(path, "port 22 belongs to SSH", hint);
    } else if !(1..=65535).contains(&port.0) {
        findings.error(path, format!("{port} is no port"), "write a number from 1 to 65535");
    }
}

fn range(path: &str, [first, last]: [Int; 2], findings: &mut Findings) {
    port(&format!("{path}[0]"), first, findings);
    if last != first {
        port(&format!("{path}[1]"), last, findings);
    }
    if first > last {
        let hint = format!("write [{last}, {first}]");
        findings.error(path, "the first port is above the last", hint);
    }
}

/// A port beside a socket or a range.
fn single(
    path: &str,
    side: &str,
    one: Int,
    of: Option<[Int; 2]>,
    socket: bool,
    findings: &mut Findings,
) {
    let field = format!("{path}.{side}Port");
    if socket {
        let message = format!("does not go with `{side}Socket`");
        findings.error(field.as_str(), message, "remove one of them");
    }
    match of {
        Some([first, last]) if first == last && first == one => port(&field, one, findings),
        Some([first, _]) if first != one => {
            let message = format!("is not the first port of `{side}PortRange`, which is {first}");
            findings.error(field, message, "remove one of them");
        }
        Some(_) => {}
        None => port(&field, one, findings),
    }
}

fn guest_side(path: &str, rule: &PortForward, findings: &mut Findings) {
    let socket = rule.guest_socket.as_deref();
    if let Some(one) = rule.guest_port {
        single(path, "guest", one, rule.guest_port_range, socket.is_some(), findings);
    }
    // A range that only repeats the port is checked as the port.
    let repeats = rule.guest_port.is_some_and(|one| rule.guest_port_range == Some([one, one]));
    if let Some(ports) = rule.guest_port_range.filter(|_| !repeats) {
        range(&format!("{path}.guestPortRange"), ports, findings);
    }
    if socket.is_some_and(|socket| !socket.starts_with('/')) {
        let hint = "write for example /run/… or {{.Home}}/…";
        findings.error(format!("{path}.guestSocket"), "must be an absolute path", hint);
    }
    let not_zero = rule.guest_ip.is_some_and(|ip| ip != std::net::IpAddr::from([0, 0, 0, 0]));
    if rule.guest_ip_must_be_zero == Some(true) && not_zero {
        let hint = "remove one of them";
        findings.error(format!("{path}.guestIPMustBeZero"), "contradicts `guestIP`", hint);
    }
}

fn host_side(path: &str, rule: &PortForward, host: &HostFacts, findings: &mut Findings) {
    if let Some(one) = rule.host_port {
        let socket = rule.host_socket.is_some();
        single(path, "host", one, rule.host_port_range, socket, findings);
    }
    // One that only repeats the guest's ports is checked there.
    let repeats = rule.host_port.is_some_and(|one| rule.host_port_range == Some([one, one]))
        || (rule.host_port.is_none() && rule.host_port_range == rule.guest_port_range);
    if let (Some(ports), None) = (rule.host_port_range.filter(|_| !repeats), &rule.host_socket) {
        range(&format!("{path}.hostPortRange"), ports, findings);
    }
    let length = rule.host_socket.as_ref().map_or(0, String::len);
    if length >= host.unix_path_max {
        let most = host.unix_path_max - 1;
        let message = format!("the path has {length} bytes, at most {most} are possible");
        let hint = format!("shorten it by {} bytes, or use {{{{.TempDir}}}}", length - most);
        findings.error(format!("{path}.hostSocket"), message, hint);
    }
}

fn count(range: Option<[Int; 2]>) -> i64 {
    range.map_or(1, |[first, last]| last.0.saturating_sub(first.0).saturating_add(1))
}

fn both_sides(path: &str, rule: &PortForward, findings: &mut Findings) {
    let (guest, on_host) = (count(rule.guest_port_range), count(rule.host_port_range));
    match (&rule.guest_socket, &rule.host_socket) {
        (None, Some(_)) if guest > 1 => findings.error(
            format!("{path}.hostSocket"),
            "only one port of the guest can lead to a socket",
            "add `guestPort` or `guestSocket`",
        ),
        (Some(_), None) if on_host > 1 => findings.error(
            format!("{path}.guestSocket"),
            "a socket of the guest can lead to one port only",
            "add `hostSocket`, or `hostPort` and the same port as `guestPortRange: [N, N]`",
        ),
        // Lima compares the ranges here, too, and takes the guest's for all ports.
        (Some(_), None) if guest != on_host => findings.error(
            format!("{path}.guestSocket"),
            "Lima takes the guest's ports for all, and `hostPort` is one",
            "add the host's port as `guestPortRange: [N, N]`",
        ),
        (None, None) if guest != on_host => findings.error(
            format!("{path}.hostPortRange"),
            format!("has {on_host} ports, and the guest's range has {guest}"),
            "make both ranges equally long",
        ),
        _ => {}
    }
    let sockets = rule.guest_socket.is_some() && rule.host_socket.is_some();
    if rule.reverse == Some(true) && !sockets {
        let hint = "add both, or remove `reverse`";
        findings.error(format!("{path}.reverse"), "needs `guestSocket` and `hostSocket`", hint);
    }
}

fn at_boot(path: &str, rule: &PortForward, plain: bool, findings: &mut Findings) {
    let ports = count(rule.guest_port_range).max(count(rule.host_port_range));
    if plain && ports > MANY_PORTS {
        let message = format!("in plain mode all {ports} ports are forwarded from the boot on");
        findings.warning(path, message, "forward only the ports that are used");
    } else if rule.static_ == Some(true) && rule.guest_port.is_none() && rule.guest_socket.is_none()
    {
        let hint = "write `guestPort`, one rule for each port";
        findings.warning(path, "Lima sets a static range of ports not up", hint);
    }
}
