//! Where on the host an instance listens, or may come to.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use super::{Int, Lima, PortForward, Proto};

/// How a port is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// A place on the host at which something listens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostPlace {
    /// Ports of an address.
    Ports {
        /// The protocol.
        protocol: Protocol,
        /// The address; an unspecified one is all of its family, and `::` also IPv4's.
        ip: IpAddr,
        /// The first port.
        first: u16,
        /// The last one.
        last: u16,
    },
    /// A socket, by its path.
    Socket(PathBuf),
}

/// One place, and what asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listening {
    /// Which of `portForwards`; `None` is `ssh.localPort`.
    pub rule: Option<usize>,
    /// The place.
    pub place: HostPlace,
    /// Whether it is taken as soon as the instance runs, and not only if something in the guest
    /// listens.
    pub always: bool,
}

impl Lima {
    /// The places on the host that a template with all defaults names. Rules that forward ports to
    /// the same ports of the host, as Lima's own last one does, name none unless they are static.
    pub fn listening(&self) -> impl Iterator<Item = Listening> + '_ {
        let ssh = self.ssh.as_ref().and_then(|ssh| single(ssh.local_port?)).map(|port| {
            let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let place = HostPlace::Ports { protocol: Protocol::Tcp, ip, first: port, last: port };
            Listening { rule: None, place, always: true }
        });
        let plain = self.plain == Some(true);
        let rules = self.port_forwards.iter().flatten().enumerate();
        let rules = rules.flat_map(move |(index, rule)| {
            let always = rule.listens_always();
            let places = rule.places(plain).into_iter().filter(move |_| always || !plain);
            places.map(move |place| Listening { rule: Some(index), place, always })
        });
        ssh.into_iter().chain(rules)
    }
}

impl PortForward {
    /// Sockets of the guest are forwarded from the boot on, as what is static is.
    fn listens_always(&self) -> bool {
        self.static_ == Some(true) || self.guest_socket.is_some()
    }

    fn places(&self, plain: bool) -> Vec<HostPlace> {
        // What is reversed listens in the guest.
        if self.ignore == Some(true) || self.reverse == Some(true) {
            return Vec::new();
        }
        if let Some(socket) = &self.host_socket {
            return vec![HostPlace::Socket(socket.into())];
        }
        let own = self.host_port.is_some() || self.host_port_range != self.guest_port_range;
        let Some((first, last)) = self.host_port_range.and_then(ports) else { return Vec::new() };
        if !own && !self.listens_always() {
            return Vec::new();
        }
        let ip = self.host_ip.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let proto = self.proto.unwrap_or(Proto::Any);
        let tcp = (proto.meets(Proto::Tcp)).then_some(Protocol::Tcp);
        // SSH, which carries sockets and all of a plain guest, knows no UDP.
        let by_ssh = plain || self.guest_socket.is_some();
        let udp = (proto.meets(Proto::Udp) && !by_ssh).then_some(Protocol::Udp);
        let place = |protocol| HostPlace::Ports { protocol, ip, first, last };
        tcp.into_iter().chain(udp).map(place).collect()
    }
}

fn single(port: Int) -> Option<u16> {
    u16::try_from(port.0).ok().filter(|port| *port != 0)
}

fn ports([first, last]: [Int; 2]) -> Option<(u16, u16)> {
    Some((single(first)?, single(last)?)).filter(|(first, last)| first <= last)
}
