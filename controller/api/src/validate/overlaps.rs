//! Forwards that meet: one hides another, or both want one place on the host.
//!
//! Lima checks none of this: the first rule that matches decides, and the later of two listeners
//! on one port of the host fails at run time.

use std::net::IpAddr;

use super::findings::Findings;
use crate::Lima;
use crate::lima::{Int, PortForward, Proto};

/// With more rules than these only the first are compared with each other, so that checking stays
/// quick whatever is asked.
const MOST: usize = 300;

pub(super) fn check(lima: &Lima, findings: &mut Findings) {
    let rules: Vec<_> = lima.port_forwards.iter().flatten().take(MOST).collect();
    for (later, rule) in rules.iter().enumerate() {
        let path = format!("portForwards[{later}]");
        let earlier = || rules[..later].iter().enumerate();
        if let Some((index, _)) = earlier().find(|(_, earlier)| hides(earlier, rule)) {
            let message =
                "is never used: another rule matches the same ports of the guest and comes first";
            let hint = "remove one of them, or put the narrower rule first";
            findings.odd_beside(path, &format!("portForwards[{index}]"), message, hint);
        } else if let Some((index, other)) = earlier().find(|(_, earlier)| collide(earlier, rule)) {
            collision(&path, index, other, rule, findings);
        }
        ssh_port(lima, later, rule, findings);
    }
}

/// Whether everything that `rule` matches is matched by `earlier`.
fn hides(earlier: &PortForward, rule: &PortForward) -> bool {
    let sockets = earlier.guest_socket.is_some() || rule.guest_socket.is_some();
    if sockets || earlier.reverse == Some(true) || rule.reverse == Some(true) {
        return false;
    }
    let proto = earlier.proto == rule.proto || earlier.proto == Some(Proto::Any);
    let any = |rule: &PortForward| {
        rule.guest_ip.is_some_and(|ip| ip.is_unspecified())
            && rule.guest_ip_must_be_zero == Some(false)
    };
    let same_guest = earlier.guest_ip == rule.guest_ip
        && earlier.guest_ip_must_be_zero == rule.guest_ip_must_be_zero;
    // An ignore rule for one address lets listeners on all addresses through.
    let lets_through = earlier.ignore == Some(true) && rule.ignore != Some(true) && !any(earlier);
    let ports = match (earlier.guest_port_range, rule.guest_port_range) {
        (Some([first, last]), Some([low, high])) => first <= low && high <= last,
        _ => false,
    };
    proto && (same_guest || any(earlier)) && ports && !lets_through
}

/// Whether both lead to one port or socket of the host.
fn collide(a: &PortForward, b: &PortForward) -> bool {
    if a.ignore == Some(true) || b.ignore == Some(true) {
        return false;
    }
    match (&a.host_socket, &b.host_socket) {
        (Some(a), Some(b)) => a == b,
        (None, None) => {
            let proto = a.proto.zip(b.proto).is_none_or(|(a, b)| a.meets(b));
            proto
                && same_address(a.host_ip, b.host_ip)
                && meet(a.host_port_range, b.host_port_range)
        }
        _ => false,
    }
}

fn same_address(a: Option<IpAddr>, b: Option<IpAddr>) -> bool {
    a == b || [a, b].into_iter().flatten().any(|ip| ip.is_unspecified())
}

fn meet(a: Option<[Int; 2]>, b: Option<[Int; 2]>) -> bool {
    a.zip(b).is_some_and(|([a, b], [c, d])| a <= d && c <= b)
}

fn collision(
    path: &str,
    index: usize,
    other: &PortForward,
    rule: &PortForward,
    findings: &mut Findings,
) {
    let earlier = format!("portForwards[{index}]");
    if rule.host_socket.is_some() {
        let (field, message) = (format!("{path}.hostSocket"), "another rule leads to it, too");
        return findings.conflict(field, &earlier, message, "choose another path");
    }
    let both_static = other.static_ == Some(true) && rule.static_ == Some(true);
    let shared = shared(other.host_port_range, rule.host_port_range);
    let message = format!("leads to {shared} of the host, and so does another rule");
    if both_static {
        findings.conflict(path, &earlier, message, "choose another `hostPort` or `hostIP`");
    } else if !follows(other, rule) {
        let hint = "whichever port of the guest opens first gets it; choose another `hostPort`";
        findings.odd_beside(path, &earlier, message, hint);
    }
}

fn shared(a: Option<[Int; 2]>, b: Option<[Int; 2]>) -> String {
    match a.zip(b).map(|([a, b], [c, d])| (a.max(c), b.min(d))) {
        Some((first, last)) if first != last => format!("the ports {first} to {last}"),
        Some((port, _)) => format!("port {port}"),
        None => "a port".to_owned(),
    }
}

/// Whether ports of the host meet only where the guest's do: then the earlier rule simply wins.
fn follows(a: &PortForward, b: &PortForward) -> bool {
    let shift = |rule: &PortForward| {
        Some(
            rule.host_port_range?[0].0
                - rule.guest_port_range.filter(|_| rule.guest_socket.is_none())?[0].0,
        )
    };
    shift(a).is_some() && shift(a) == shift(b) && same_address(a.guest_ip, b.guest_ip)
}

/// The host agent itself listens there.
fn ssh_port(lima: &Lima, index: usize, rule: &PortForward, findings: &mut Findings) {
    let ssh = lima.ssh.as_ref().and_then(|ssh| ssh.local_port).filter(|port| port.0 != 0);
    let tcp = rule.proto != Some(Proto::Udp) && rule.ignore != Some(true);
    let here = rule.host_ip.is_some_and(|ip| ip.is_unspecified() || ip.is_loopback());
    let single = rule.host_port_range.filter(|[first, last]| first == last).map(|range| range[0]);
    if tcp && here && ssh.is_some() && single == ssh {
        let hint = "choose another `hostPort`, or another `ssh.localPort`";
        let message = "is the port on which the guest's SSH server is reached (`ssh.localPort`)";
        findings.conflict(
            format!("portForwards[{index}].hostPort"),
            "ssh.localPort",
            message,
            hint,
        );
    }
}
