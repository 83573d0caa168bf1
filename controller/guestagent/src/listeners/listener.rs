//! One socket that listens.

use std::net::IpAddr;

use limekiln_proto::guest::IpPort;

/// What it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// A TCP socket that listens.
    Tcp,
    /// A UDP socket that is bound, and not connected.
    Udp,
}

impl Protocol {
    /// Lima's word, which is the same for both families.
    pub fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }

    /// The socket's state in the kernel's tables: `TCP_LISTEN`, and for UDP `TCP_CLOSE`
    /// (include/net/tcp_states.h).
    pub(super) fn state(self) -> u8 {
        match self {
            Self::Tcp => 10,
            Self::Udp => 7,
        }
    }

    /// Its number (IANA).
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
        }
    }
}

/// Where something listens. Ordered by port first, so that a list that is cut short keeps the low
/// ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Listener {
    /// The port, never 0.
    pub port: u16,
    /// What it speaks.
    pub protocol: Protocol,
    /// The address; an IPv4 address that is written as an IPv6 one is an IPv4 address here.
    pub ip: IpAddr,
}

impl From<Listener> for IpPort {
    fn from(listener: Listener) -> Self {
        Self {
            protocol: listener.protocol.word().to_owned(),
            ip: listener.ip.to_string(),
            port: i32::from(listener.port),
        }
    }
}
