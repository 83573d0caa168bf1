//! What every part of the gateway is handed while it works.

use std::net::Ipv4Addr;

use mio::Registry;

use crate::clock::Clock;
use crate::gateway::Origin;
use crate::reach::Reach;
use crate::services::Services;
use crate::subnet::Subnet;
use crate::switch::{PortId, Switch};
use crate::wire::Mac;
use crate::wire::packet::{self, Ip, Link, Unreachable};
use smoltcp::wire::IpProtocol;

/// The network as it is configured.
#[derive(Clone, Debug)]
pub struct Network {
    /// Its addresses.
    pub subnet: Subnet,
    /// The longest IP packet.
    pub mtu: usize,
    /// Where guests may go.
    pub reach: Reach,
}

impl Network {
    /// The gateway's address.
    pub fn gateway(&self) -> Ipv4Addr {
        self.subnet.gateway()
    }
}

/// One turn of the loop.
pub struct Turn<'a> {
    /// Now.
    pub clock: Clock,
    /// The network.
    pub network: &'a Network,
    /// Where frames go.
    pub switch: &'a mut Switch,
    /// Where sockets are registered.
    pub registry: &'a Registry,
    /// What may take its time, on a thread of its own.
    pub services: &'a Services,
}

impl Turn<'_> {
    /// Sends an IPv4 packet from the gateway, in pieces if need be.
    pub fn send_ip(&mut self, to: Mac, ip: Ip, payload: &[u8]) {
        let out = self.frames(to, ip, payload);
        self.switch.queue(to, &out);
    }

    /// The frames of an IPv4 packet from the gateway.
    pub fn frames(&self, to: Mac, ip: Ip, payload: &[u8]) -> Vec<u8> {
        let link = Link { to, mtu: self.network.mtu, ident: self.clock.ident() };
        let mut out = Vec::with_capacity(payload.len() + 64);
        packet::ip(&mut out, link, ip, payload);
        out
    }

    /// Whether what belongs to the VM behind this port, and was last used under this hardware
    /// address, is the sender's. Who only knows the numbers of another's connection is not answered
    /// in its place, also while that is away. A VM may be plugged in anew before its old cable is
    /// out.
    pub fn belongs(&self, port: Option<PortId>, mac: Mac, origin: Origin) -> bool {
        let left = || port.is_none_or(|port| self.switch.leaves_to(port, origin.port));
        port == Some(origin.port) || (mac == origin.mac && left())
    }

    /// Tells a guest why its packet went nowhere.
    pub fn unreachable(&mut self, to: Mac, why: Unreachable, about: &[u8]) {
        let (Some(error), Some(guest)) = (packet::icmp_error(why, about), source(about)) else {
            return;
        };
        let from = self.network.gateway();
        self.send_ip(to, Ip { from, to: guest, protocol: IpProtocol::Icmp }, &error);
    }
}

fn source(packet: &[u8]) -> Option<Ipv4Addr> {
    packet.get(12..16)?.first_chunk::<4>().map(|octets| Ipv4Addr::from(*octets))
}
