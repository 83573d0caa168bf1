//! One rule, without anything left to be filled in.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use limekiln_api::lima::{Int, PortForward, Proto};

use super::forward::{GuestEnd, HostEnd};
use super::{GuestListener, GuestProtocol};

/// One entry of `portForwards`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it is about.
    pub proto: Proto,
    /// The address that a listener has.
    pub guest_ip: IpAddr,
    /// Whether 0.0.0.0 as `guest_ip` means only that, and not every address.
    pub must_be_zero: bool,
    /// The ports that a listener has.
    pub guest_ports: RangeInclusive<u16>,
    /// A socket in the guest, instead of ports.
    pub guest_socket: Option<PathBuf>,
    /// The address on the host.
    pub host_ip: IpAddr,
    /// The port on the host that stands for the first one in the guest.
    pub host_port: u16,
    /// A socket on the host, instead of an address.
    pub host_socket: Option<PathBuf>,
    /// The guest reaches the host.
    pub reverse: bool,
    /// What matches is not forwarded.
    pub ignore: bool,
    /// It is there from the boot on.
    pub is_static: bool,
}

const ANY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Every port.
const PORTS: RangeInclusive<u16> = 1..=u16::MAX;

impl Rule {
    /// A rule of a configuration with all defaults; `None` if it has ports that cannot be, which
    /// validation refuses.
    pub fn new(filled: &PortForward) -> Option<Self> {
        let [first, last] = filled.guest_port_range.unwrap_or([Int(1), Int(65535)]);
        let host = filled.host_port_range.map_or(first, |[first, _]| first);
        let port = |number: Int| u16::try_from(number.0).ok();
        let guest_ip = filled.guest_ip.unwrap_or(LOCAL);
        Some(Self {
            proto: filled.proto.unwrap_or(Proto::Any),
            guest_ip,
            must_be_zero: filled.guest_ip_must_be_zero.unwrap_or(guest_ip == ANY),
            guest_ports: port(first)?..=port(last)?,
            guest_socket: filled.guest_socket.as_ref().map(PathBuf::from),
            host_ip: filled.host_ip.unwrap_or(LOCAL),
            host_port: port(host)?,
            host_socket: filled.host_socket.as_ref().map(PathBuf::from),
            reverse: filled.reverse == Some(true),
            ignore: filled.ignore == Some(true),
            is_static: filled.static_ == Some(true),
        })
    }

    /// Whatever address it has, the port is not forwarded.
    pub(super) fn never(port: u16) -> Self {
        Self {
            guest_ip: ANY,
            must_be_zero: false,
            guest_ports: port..=port,
            host_port: port,
            ignore: true,
            ..Self::same_port()
        }
    }

    /// Lima's last rule: what can be reached at the guest's own 127.0.0.1 gets the same port on
    /// the host's.
    pub(super) fn same_port() -> Self {
        Self {
            proto: Proto::Any,
            guest_ip: LOCAL,
            must_be_zero: false,
            guest_ports: PORTS,
            guest_socket: None,
            host_ip: LOCAL,
            host_port: 1,
            host_socket: None,
            reverse: false,
            ignore: false,
            is_static: false,
        }
    }

    /// Whether it decides about the listener.
    pub(super) fn matches(&self, listener: &GuestListener) -> bool {
        let address = listener.address;
        self.guest_socket.is_none()
            && self.speaks(listener.protocol)
            && self.guest_ports.contains(&address.port())
            && self.covers(address.ip())
            // Who listens everywhere is also reached where this rule says nothing.
            && !(self.ignore && address.ip().is_unspecified() && !self.guest_ip.is_unspecified())
    }

    pub(super) fn speaks(&self, protocol: GuestProtocol) -> bool {
        self.proto.meets(match protocol {
            GuestProtocol::Tcp => Proto::Tcp,
            GuestProtocol::Udp => Proto::Udp,
        })
    }

    fn covers(&self, ip: IpAddr) -> bool {
        ip.is_unspecified()
            || ip == self.guest_ip
            || (ip.is_loopback() && ip.is_ipv6() && self.guest_ip == LOCAL)
            || (self.guest_ip.is_unspecified() && !self.must_be_zero)
    }

    /// Whether it ignores every port of the protocol, at every address.
    pub(super) fn ignores_all(&self, protocol: GuestProtocol) -> bool {
        self.ignore
            && self.guest_socket.is_none()
            && self.guest_ports == PORTS
            && self.speaks(protocol)
    }

    /// The host's end for a port in the guest; `None` if it would be no port.
    pub(super) fn host_end(&self, port: u16) -> Option<HostEnd> {
        if let Some(socket) = &self.host_socket {
            return Some(HostEnd::Socket(socket.clone()));
        }
        let offset = port.checked_sub(*self.guest_ports.start())?;
        let port = self.host_port.checked_add(offset).filter(|port| *port != 0)?;
        Some(HostEnd::Address(SocketAddr::new(self.host_ip, port)))
    }

    /// The two ends of a rule between sockets, or between a socket of the guest and a port.
    pub(super) fn socket_ends(&self) -> Option<(GuestEnd, HostEnd)> {
        let guest = GuestEnd::Socket(self.guest_socket.clone()?);
        let host = match &self.host_socket {
            Some(socket) => HostEnd::Socket(socket.clone()),
            None => HostEnd::Address(SocketAddr::new(self.host_ip, self.host_port)),
        };
        Some((guest, host))
    }
}
