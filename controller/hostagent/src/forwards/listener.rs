//! What listens in the guest, as its agent says.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use limekiln_proto::guest::IpPort;

/// What it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GuestProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl GuestProtocol {
    /// Lima's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// A socket on which something listens in the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GuestListener {
    /// What it speaks.
    pub protocol: GuestProtocol,
    /// Where.
    pub address: SocketAddr,
}

impl GuestListener {
    /// What a guest agent said, which may be anything: `None` for what is no socket.
    pub fn new(said: &IpPort) -> Option<Self> {
        let protocol = match said.protocol.as_str() {
            // Lima's older agents say nothing, and mean TCP.
            "tcp" | "" => GuestProtocol::Tcp,
            "udp" => GuestProtocol::Udp,
            _ => return None,
        };
        let port = u16::try_from(said.port).ok().filter(|port| *port != 0)?;
        let ip: IpAddr = said.ip.parse().ok()?;
        Some(Self { protocol, address: SocketAddr::new(ip.to_canonical(), port) })
    }
}

impl fmt::Display for GuestListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.protocol.word(), self.address)
    }
}
