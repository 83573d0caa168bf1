//! What the guest agent reported.

use std::collections::BTreeSet;

use limekiln_proto::guest::{Event, Info, IpPort};

use crate::forwards::GuestListener;

/// So many sockets are remembered. A guest may report any number of addresses.
pub const MOST_LISTENERS: usize = 16_384;

/// What listens, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reported {
    listeners: BTreeSet<GuestListener>,
    overflowed: bool,
}

impl Reported {
    /// All that listens, whatever was known before.
    pub fn all(info: &Info) -> Self {
        let mut reported = Self::default();
        reported.add(&info.local_ports);
        reported
    }

    /// What changed. An agent may repeat itself.
    pub fn apply(&mut self, event: &Event) {
        for gone in event.removed_local_ports.iter().filter_map(GuestListener::new) {
            self.listeners.remove(&gone);
        }
        self.add(&event.added_local_ports);
    }

    /// What listens.
    pub fn listeners(&self) -> &BTreeSet<GuestListener> {
        &self.listeners
    }

    fn add(&mut self, ports: &[IpPort]) {
        for listener in ports.iter().filter_map(GuestListener::new) {
            if self.listeners.len() < MOST_LISTENERS {
                self.listeners.insert(listener);
            } else if !self.overflowed {
                self.overflowed = true;
                tracing::warn!(
                    "the guest reports more than {MOST_LISTENERS} sockets: the rest is left out"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn port(protocol: &str, ip: &str, port: i32) -> IpPort {
        IpPort { protocol: protocol.to_owned(), ip: ip.to_owned(), port }
    }

    #[test]
    fn what_is_no_socket_is_left_out() {
        let bad = [
            port("tcp", "127.0.0.1", 0),
            port("tcp", "127.0.0.1", 65_536),
            port("tcp", "127.0.0.1", -1),
            port("tcp", "localhost", 80),
            port("tcp", "127.0.0.1; rm", 80),
            port("sctp", "127.0.0.1", 80),
        ];
        let info = Info { local_ports: bad.to_vec() };
        assert_eq!(Reported::all(&info).listeners().len(), 0);
        let good = Info { local_ports: vec![port("udp", "::ffff:127.0.0.1", 53)] };
        let listener = *Reported::all(&good).listeners().first().unwrap();
        assert_eq!(listener.to_string(), "udp 127.0.0.1:53");
    }

    prop_compose! {
        fn any_port()(protocol in "tcp|udp|x|", ip in "(127\\.0\\.0\\.[0-9]|::[0-9a-f]|.{0,8})", port in -2..70_000) -> IpPort {
            IpPort { protocol, ip, port }
        }
    }

    proptest! {
        /// Whatever comes, what was removed last is gone, and nothing grows without bound.
        #[test]
        fn events_in_any_order(
            added in proptest::collection::vec(any_port(), 0..40),
            removed in proptest::collection::vec(any_port(), 0..40),
        ) {
            let mut reported = Reported::all(&Info { local_ports: removed.clone() });
            reported.apply(&Event { added_local_ports: added.clone(), removed_local_ports: removed, ..Event::default() });
            let wanted: BTreeSet<_> = added.iter().filter_map(GuestListener::new).collect();
            prop_assert_eq!(reported.listeners(), &wanted);
        }
    }

    #[test]
    fn a_flood_is_bounded() {
        let mut reported = Reported::default();
        for host in 0..40_u16 {
            let ports = (1..1000).map(|number| port("tcp", &format!("::{host:x}"), number));
            reported.apply(&Event { added_local_ports: ports.collect(), ..Event::default() });
        }
        assert_eq!(reported.listeners().len(), MOST_LISTENERS);
    }
}
