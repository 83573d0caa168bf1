//! Where guests may go.

use std::net::Ipv4Addr;

use crate::subnet::Subnet;

/// What no guest reaches unless it is allowed (what of it can be, manifests are told from
/// `limekiln_api::DENIED_TO_GUESTS`): what would be the host itself (0.0.0.0/8,
/// 127.0.0.0/8), link-local addresses (169.254.0.0/16), under which clouds tell a machine its
/// credentials, the addresses outside of that net which clouds use for the same, and what is no
/// address of one station (multicast, reserved, broadcast).
const DENIED: [(Ipv4Addr, u8); 9] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    // Alibaba Cloud's metadata.
    (Ipv4Addr::new(100, 100, 100, 200), 32),
    // Azure's host agent.
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    // Oracle Cloud's metadata.
    (Ipv4Addr::new(192, 0, 0, 192), 32),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
    (Ipv4Addr::new(255, 255, 255, 255), 32),
];

/// What cannot be allowed, since no connection to it can be: TCP knows one station.
const NEVER: [(Ipv4Addr, u8); 3] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The policy of a network.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    allowed: Vec<Subnet>,
    closed: bool,
}

impl Reach {
    /// Everything but what is denied by itself, and of that what is allowed here.
    pub fn new(allowed: Vec<Subnet>) -> Self {
        Self { allowed, closed: false }
    }

    /// Nothing, not even the host.
    pub fn nothing() -> Self {
        Self { allowed: Vec::new(), closed: true }
    }

    /// Whether a guest may talk to the address.
    pub fn permits(&self, address: Ipv4Addr) -> bool {
        let within = |list: &[(Ipv4Addr, u8)]| {
            list.iter().any(|&(net, bits)| {
                Subnet::new(net, bits).is_some_and(|subnet| subnet.contains(address))
            })
        };
        if self.closed || within(&NEVER) {
            return false;
        }
        !within(&DENIED) || self.allowed.iter().any(|subnet| subnet.contains(address))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::Ipv4Addr;

    use super::{DENIED, NEVER, Reach};
    use crate::subnet::Subnet;

    #[test]
    fn what_can_be_allowed_is_what_manifests_may_allow() {
        let never = |(net, _): &(Ipv4Addr, u8)| {
            let octet = net.octets()[0];
            octet == 0 || octet >= 224
        };
        let nets = |list: &[(Ipv4Addr, u8)]| -> BTreeSet<String> {
            let nets = list.iter().filter(|net| !never(net));
            nets.map(|(net, bits)| Subnet::new(*net, *bits).unwrap().to_string()).collect()
        };
        assert_eq!(nets(&DENIED), nets(&limekiln_api::DENIED_TO_GUESTS));
        assert!(DENIED.iter().filter(|net| never(net)).count() >= NEVER.len());
        assert!(NEVER.iter().all(never) && !limekiln_api::DENIED_TO_GUESTS.iter().any(never));
    }

    #[test]
    fn the_host_and_metadata_are_denied_unless_allowed() {
        let open = Reach::default();
        for denied in ["127.0.0.1", "169.254.169.254", "100.100.100.200", "0.0.0.0", "224.0.0.251"]
        {
            assert!(!open.permits(denied.parse().unwrap()), "{denied}");
        }
        assert!(open.permits([192, 0, 2, 1].into()));
        let some =
            Reach::new(vec!["169.254.169.254".parse().unwrap(), "224.0.0.0/4".parse().unwrap()]);
        assert!(some.permits([169, 254, 169, 254].into()));
        assert!(!some.permits([169, 254, 0, 1].into()));
        assert!(!some.permits([224, 0, 0, 251].into()));
    }
}
