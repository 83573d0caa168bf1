//! Rules about `Network` manifests.
//!
//! Lima checks little of `networks.yaml`: what is wrong there shows when a daemon does not start,
//! or in a guest that reaches nothing. What depends on other networks, or on the interfaces that
//! the host has, is the planner's to say.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;

use crate::{FieldError, HostFacts, Name, NetworkMode, NetworkSpec};

/// A user-v2 daemon gives out addresses beside its own; there must be some.
const LONGEST_PREFIX: u8 = 29;
/// Larger subnets are a slip: they cover networks of others.
const SHORTEST_PREFIX: u8 = 8;

/// Every rule that the network breaks, by paths such as `spec.gateway`.
pub fn network_errors(name: &Name, spec: &NetworkSpec, host: &HostFacts) -> Vec<FieldError> {
    let mut errors = Vec::new();
    sockets(name, spec, host, &mut errors);
    match spec.mode {
        NetworkMode::Bridged => bridged(spec, &mut errors),
        _ => subnet(spec, &mut errors),
    }
    if let Some(interface) = &spec.interface {
        self::interface(interface, &mut errors);
    }
    super::user_v2::check(spec, &mut errors);
    errors
}

/// The longest of the daemon's sockets must fit into `sun_path`.
fn sockets(name: &Name, spec: &NetworkSpec, host: &HostFacts, errors: &mut Vec<FieldError>) {
    let socket = host.lima_home.join(format!("_networks/{name}/{name}_qemu.sock"));
    let length = socket.as_os_str().len();
    if spec.mode == NetworkMode::UserV2 && length >= host.unix_path_max {
        let message = format!(
            "the path of its socket would have {length} bytes, {} are possible: {}",
            host.unix_path_max - 1,
            socket.display()
        );
        let hint = "choose a shorter name, or set LIMA_HOME to a shorter path";
        errors.push(FieldError::new("metadata.name", message).hint(hint));
    }
}

pub(super) fn error(field: &str, message: impl Into<String>, hint: &str) -> FieldError {
    FieldError::new(format!("spec.{field}"), message).hint(hint)
}

fn bridged(spec: &NetworkSpec, errors: &mut Vec<FieldError>) {
    if spec.interface.is_none() {
        let hint = "write the host's interface, such as en0 on macOS or br0 on Linux";
        errors.push(error("interface", "a bridged network needs the host's interface", hint));
    }
    let others = [("gateway", spec.gateway), ("netmask", spec.netmask), ("dhcpEnd", spec.dhcp_end)];
    for (field, _) in others.iter().filter(|(_, value)| value.is_some()) {
        let message = format!("a bridged network has no `{field}` of its own");
        errors.push(error(field, message, "remove it: addresses come from the host's network"));
    }
}

fn subnet(spec: &NetworkSpec, errors: &mut Vec<FieldError>) {
    let Some(gateway) = spec.gateway else {
        let message = format!("a {} network needs a gateway", spec.mode.word());
        let hint = "write an address of a subnet that nothing else uses, such as 192.168.109.1";
        return errors.push(error("gateway", message, hint));
    };
    let IpAddr::V4(gateway) = gateway else {
        let hint = "write an IPv4 address, such as 192.168.109.1";
        return errors.push(error("gateway", "networks have IPv4 addresses only", hint));
    };
    let Some(subnet) = spec.subnet() else {
        let mask = spec.netmask.map(|mask| mask.to_string()).unwrap_or_default();
        let hint = "write one such as 255.255.255.0";
        return errors.push(error("netmask", format!("{mask} is no mask of a subnet"), hint));
    };
    if !(SHORTEST_PREFIX..=LONGEST_PREFIX).contains(&subnet.prefix_len()) {
        let message = format!("/{} is no usable size of a subnet", subnet.prefix_len());
        let hint = "write a mask between 255.0.0.0 and 255.255.255.248";
        return errors.push(error("netmask", message, hint));
    }
    self::gateway(gateway, subnet, errors);
    dhcp_end(spec, gateway, subnet, errors);
}

fn gateway(gateway: Ipv4Addr, subnet: Ipv4Net, errors: &mut Vec<FieldError>) {
    let what = match gateway {
        _ if gateway == subnet.network() => "the subnet's own address",
        _ if gateway == subnet.broadcast() => "the subnet's broadcast address",
        _ if gateway.is_unspecified() || gateway.octets()[0] == 0 => "no address",
        _ if gateway.is_loopback() => "an address of the loopback",
        _ if gateway.is_link_local() => "a link-local address",
        _ if gateway.is_multicast() || gateway.octets()[0] >= 240 => "an address of no host",
        _ => return,
    };
    let hint = "write an address of a subnet that nothing else uses, such as 192.168.109.1";
    errors.push(error("gateway", format!("{gateway} is {what}"), hint));
}

fn dhcp_end(spec: &NetworkSpec, gateway: Ipv4Addr, subnet: Ipv4Net, errors: &mut Vec<FieldError>) {
    let Some(end) = spec.dhcp_end else { return };
    if spec.mode == NetworkMode::UserV2 {
        let hint = "remove it: all addresses of the subnet are given out";
        return errors.push(error("dhcpEnd", "a user-v2 network has no `dhcpEnd`", hint));
    }
    let fits = matches!(end, IpAddr::V4(end)
        if subnet.contains(&end) && end != subnet.broadcast() && end > gateway);
    if !fits {
        let message = format!("{end} is no address of {subnet} behind {gateway}");
        errors.push(error("dhcpEnd", message, "write the last address that guests may get"));
    }
}

/// Linux's and macOS's names are shorter than `IFNAMSIZ`; Lima wants an identifier.
fn interface(name: &str, errors: &mut Vec<FieldError>) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if name.is_empty() || name.len() > 15 || !name.bytes().all(plain) {
        let hint = "write the name that `ip link` or `ifconfig` shows";
        errors.push(error("interface", format!("{name:?} is no name of an interface"), hint));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(yaml: &str) -> Vec<String> {
        let spec: NetworkSpec = serde_yaml::from_str(yaml).expect("a network");
        let name = Name::new("lan").expect("a name");
        let errors = network_errors(&name, &spec, &HostFacts::example());
        errors.into_iter().map(|error| error.path).collect()
    }

    #[test]
    fn what_works_is_fine() {
        for fine in [
            "gateway: 192.168.104.1",
            "{mode: user-v2, gateway: 10.1.2.3, netmask: 255.255.0.0}",
            "{mode: shared, gateway: 192.168.105.1, dhcpEnd: 192.168.105.99}",
            "{mode: bridged, interface: br0}",
            "{mode: host, gateway: 192.168.106.1, interface: tap0}",
        ] {
            assert_eq!(broken(fine), Vec::<String>::new(), "{fine}");
        }
    }

    #[test]
    fn what_cannot_work_is_named() {
        for (wrong, field) in [
            ("{}", "gateway"),
            ("gateway: 'fe80::1'", "gateway"),
            ("gateway: 192.168.104.0", "gateway"),
            ("gateway: 192.168.104.255", "gateway"),
            ("gateway: 127.0.0.1", "gateway"),
            ("gateway: 169.254.1.1", "gateway"),
            ("gateway: 0.0.0.1", "gateway"),
            ("gateway: 224.0.0.1", "gateway"),
            ("{gateway: 10.0.0.1, netmask: 255.0.255.0}", "netmask"),
            ("{gateway: 10.0.0.1, netmask: 255.255.255.252}", "netmask"),
            ("{gateway: 10.0.0.1, netmask: 0.0.0.0}", "netmask"),
            ("{gateway: 10.0.0.1, dhcpEnd: 10.0.0.9}", "dhcpEnd"),
            ("{mode: shared, gateway: 10.0.0.1, dhcpEnd: 10.0.1.9}", "dhcpEnd"),
            ("{mode: bridged}", "interface"),
            ("{mode: bridged, interface: br0, gateway: 10.0.0.1}", "gateway"),
            ("{mode: bridged, interface: 'a b'}", "interface"),
        ] {
            assert_eq!(broken(wrong), [format!("spec.{field}")], "{wrong}");
        }
    }

    #[test]
    fn a_socket_path_of_a_network_that_is_too_long_is_named() {
        let spec: NetworkSpec = serde_yaml::from_str("gateway: 10.7.0.1").expect("a network");
        let errors = |length: usize| {
            let name = Name::new("n".repeat(length)).expect("a name");
            network_errors(&name, &spec, &HostFacts::example())
        };
        // `/home/alice/.lima/_networks/` and `/` and `_qemu.sock` are 39.
        assert_eq!(errors(34), []);
        assert!(errors(35)[0].message.contains("109 bytes, 107"), "{:?}", errors(35));
    }

    #[test]
    fn a_network_is_filled_as_lima_needs_it() {
        let spec = |yaml: &str| serde_yaml::from_str::<NetworkSpec>(yaml).expect("a network");
        let shared = spec("{mode: shared, gateway: 192.168.105.1}").filled();
        assert_eq!(shared.netmask, "255.255.255.0".parse().ok());
        assert_eq!(shared.dhcp_end, "192.168.105.254".parse().ok());
        let user = spec("gateway: 192.168.104.1").filled();
        assert_eq!(user.dhcp_end, None);
        assert_eq!(user.user_v2_gateway(), "192.168.104.2".parse().ok());
        assert_eq!(user.subnet(), "192.168.104.0/24".parse().ok());
        assert_eq!(spec("{mode: bridged, interface: br0}").filled().netmask, None);
    }
}
