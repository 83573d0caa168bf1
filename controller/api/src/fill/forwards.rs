//! Defaults of port forwards.

use std::net::IpAddr;
use std::path::Path;

use crate::Lima;
use crate::lima::{Int, PortForward, Proto};

const ALL_PORTS: [Int; 2] = [Int(1), Int(65535)];

/// Fills in the rules of an instance in the directory `dir`.
pub(super) fn fill(lima: &mut Lima, dir: &str) {
    lima.port_forwards.iter_mut().flatten().for_each(|rule| fill_rule(rule, dir));
}

/// In Lima's order, in which each default may depend on the ones before it.
fn fill_rule(rule: &mut PortForward, dir: &str) {
    forget_zero(rule);
    let (zero, local) = (IpAddr::from([0, 0, 0, 0]), IpAddr::from([127, 0, 0, 1]));
    rule.proto.get_or_insert(Proto::Any);
    let must_be_zero = rule.guest_ip_must_be_zero == Some(true);
    let guest_ip = *rule.guest_ip.get_or_insert(if must_be_zero { zero } else { local });
    rule.guest_ip_must_be_zero.get_or_insert(guest_ip == zero);
    rule.host_ip.get_or_insert(local);
    let guest = rule.guest_port.map_or(ALL_PORTS, |port| [port, port]);
    let guest = *rule.guest_port_range.get_or_insert(guest);
    match &mut rule.host_socket {
        Some(socket) if !socket.starts_with('/') => {
            *socket = Path::new(dir).join("sock").join(&*socket).to_string_lossy().into_owned();
        }
        Some(_) => {}
        None => {
            let on_host = rule.host_port.map_or(guest, |port| [port, port]);
            rule.host_port_range.get_or_insert(on_host);
        }
    }
    rule.reverse.get_or_insert(false);
    rule.ignore.get_or_insert(false);
    rule.static_.get_or_insert(false);
}

/// A port 0 and an empty socket are none.
fn forget_zero(rule: &mut PortForward) {
    for port in [&mut rule.guest_port, &mut rule.host_port] {
        port.take_if(|port| port.0 == 0);
    }
    for range in [&mut rule.guest_port_range, &mut rule.host_port_range] {
        range.take_if(|range| *range == [Int(0), Int(0)]);
    }
    for socket in [&mut rule.guest_socket, &mut rule.host_socket] {
        socket.take_if(|socket| socket.is_empty());
    }
}
