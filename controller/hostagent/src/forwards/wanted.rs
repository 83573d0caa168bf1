//! From rules and listeners to forwards.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use super::forward::{Carrier, Forward, ForwardKey, GuestEnd, HostEnd};
use super::{Decision, GuestListener, GuestProtocol, Rule, Rules};

/// So many forwards are there at a time: each takes a descriptor and a port of the host. A guest
/// may listen everywhere.
pub const MOST_FORWARDS: usize = 2048;

/// What shall be there, and what shall not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// By what makes them rivals.
    pub forwards: BTreeMap<ForwardKey, Forward>,
    /// Listeners that are not forwarded, and why.
    pub refused: BTreeMap<GuestListener, Refused>,
}

/// Why a listener is not forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No rule says so, or one says not to.
    ByRule,
    /// There are too many.
    TooMany,
}

/// What `rules` make of a guest in which `listeners` are. Pure: equal in, equal out.
///
/// Of several listeners that want the same port of the host, the one that answers most gets it:
/// IPv4's 127.0.0.1 and 0.0.0.0 before IPv6's, these before all others.
pub fn wanted(rules: &Rules, listeners: &BTreeSet<GuestListener>) -> Wanted {
    let mut wanted = Wanted::default();
    for forward in fixed(rules) {
        wanted.forwards.entry(forward.key()).or_insert(forward);
    }
    if rules.plain() {
        return wanted;
    }
    let mut by_rank: Vec<_> = listeners.iter().copied().collect();
    by_rank.sort_by_key(|listener| (rank(listener.address.ip()), *listener));
    for listener in by_rank {
        match rules.decide(&listener) {
            Decision::Forward(host) => add(&mut wanted, rules, listener, host),
            Decision::Leave { tell: true } => {
                wanted.refused.insert(listener, Refused::ByRule);
            }
            Decision::Leave { tell: false } | Decision::Static => {}
        }
    }
    wanted
}

fn add(wanted: &mut Wanted, rules: &Rules, listener: GuestListener, host: HostEnd) {
    let by_ssh = rules.by_ssh() && listener.protocol == GuestProtocol::Tcp;
    let forward = Forward {
        protocol: listener.protocol,
        guest: GuestEnd::Address(listener.address),
        host,
        reverse: false,
        carrier: if by_ssh { Carrier::Ssh } else { Carrier::Tunnel },
    };
    let key = forward.key();
    if wanted.forwards.contains_key(&key) {
        return;
    }
    if wanted.forwards.len() >= MOST_FORWARDS {
        wanted.refused.insert(listener, Refused::TooMany);
    } else {
        wanted.forwards.insert(key, forward);
    }
}

fn rank(ip: IpAddr) -> u8 {
    match (ip.is_loopback() || ip.is_unspecified(), ip.is_ipv4()) {
        (true, true) => 0,
        (true, false) => 1,
        (false, _) => 2,
    }
}

/// What is there whatever listens: sockets, and static rules. SSH carries them, which is there
/// before the guest agent, and without one; UDP needs the agent.
fn fixed(rules: &Rules) -> Vec<Forward> {
    let sockets = rules.sockets().filter_map(|rule| {
        let (guest, host) = rule.socket_ends()?;
        let reverse = rule.reverse;
        Some(Forward { protocol: GuestProtocol::Tcp, guest, host, reverse, carrier: Carrier::Ssh })
    });
    let ports = rules.statics().flat_map(|rule| {
        [(GuestProtocol::Tcp, Carrier::Ssh), (GuestProtocol::Udp, Carrier::Tunnel)]
            .into_iter()
            .filter(|(protocol, _)| rule.speaks(*protocol))
            // Of a plain guest, which has no agent, only TCP can be had.
            .filter(|(_, carrier)| !(rules.plain() && *carrier == Carrier::Tunnel))
            .flat_map(|(protocol, carrier)| static_ports(rule, protocol, carrier))
    });
    sockets.chain(ports).take(MOST_FORWARDS).collect()
}

fn static_ports(
    rule: &Rule,
    protocol: GuestProtocol,
    carrier: Carrier,
) -> impl Iterator<Item = Forward> {
    // A static rule for both protocols and a socket on the host is for TCP: one socket has one end.
    let one = rule.host_socket.is_some() && protocol == GuestProtocol::Udp;
    rule.guest_ports.clone().filter(move |_| !one).filter_map(move |port| {
        let guest = GuestEnd::Address(SocketAddr::new(rule.guest_ip, port));
        let host = rule.host_end(port)?;
        Some(Forward { protocol, guest, host, reverse: false, carrier })
    })
}

#[cfg(test)]
mod tests;
