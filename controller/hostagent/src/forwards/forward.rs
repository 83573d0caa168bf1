//! One forward.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::GuestProtocol;

/// Where somebody connects to on the host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostEnd {
    /// A port.
    Address(SocketAddr),
    /// A unix socket.
    Socket(PathBuf),
}

/// Where that leads to in the guest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GuestEnd {
    /// A port.
    Address(SocketAddr),
    /// A unix socket.
    Socket(PathBuf),
}

/// What moves the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// The guest agent.
    Tunnel,
    /// The SSH connection.
    Ssh,
}

/// What makes two forwards rivals: the end at which somebody listens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ForwardKey {
    /// On the host.
    Host(GuestProtocol, HostEnd),
    /// In the guest, for a reverse one.
    Guest(PathBuf),
}

/// A forward that shall be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// What it speaks.
    pub protocol: GuestProtocol,
    /// Its end in the guest.
    pub guest: GuestEnd,
    /// Its end on the host.
    pub host: HostEnd,
    /// The guest reaches the host.
    pub reverse: bool,
    /// What moves the bytes.
    pub carrier: Carrier,
}

impl Forward {
    /// Its identity: with the same key, only one of two can be there.
    pub fn key(&self) -> ForwardKey {
        match &self.guest {
            GuestEnd::Socket(path) if self.reverse => ForwardKey::Guest(path.clone()),
            _ => ForwardKey::Host(self.protocol, self.host.clone()),
        }
    }
}

impl fmt::Display for HostEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Socket(path) => path.display().fmt(f),
        }
    }
}

impl fmt::Display for GuestEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Socket(path) => path.display().fmt(f),
        }
    }
}
