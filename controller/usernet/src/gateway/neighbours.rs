//! Which hardware address has which IP address.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use smoltcp::wire::{ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetProtocol};

use super::Origin;
use crate::turn::Turn;
use crate::wire::Mac;
use crate::wire::packet;

/// Addresses that are remembered; what guests make up beyond that pushes out the others, and they
/// are asked for again.
const MOST: usize = 4096;

/// What was heard.
#[derive(Debug, Default)]
pub struct Neighbours {
    known: HashMap<Ipv4Addr, Mac>,
}

impl Neighbours {
    /// Notes who has the address.
    pub fn learn(&mut self, address: Ipv4Addr, mac: Mac) {
        if self.known.get(&address) == Some(&mac) {
            return;
        }
        if self.known.len() >= MOST {
            self.known.clear();
        }
        self.known.insert(address, mac);
    }

    /// Who has the address.
    pub fn find(&self, address: Ipv4Addr) -> Option<Mac> {
        self.known.get(&address).copied()
    }

    /// Takes in an ARP packet, and answers a request for the gateway.
    pub fn arp(&mut self, turn: &mut Turn<'_>, origin: Origin, packet: &[u8]) {
        let Ok(packet) = ArpPacket::new_checked(packet) else { return };
        let Ok(ArpRepr::EthernetIpv4 {
            operation,
            source_hardware_addr,
            source_protocol_addr,
            target_protocol_addr,
            ..
        }) = ArpRepr::parse(&packet)
        else {
            return;
        };
        let (sender, gateway) = (Mac(source_hardware_addr.0), turn.network.gateway());
        if sender == origin.mac
            && turn.network.subnet.contains(source_protocol_addr)
            && source_protocol_addr != gateway
        {
            self.learn(source_protocol_addr, sender);
        }
        if operation == ArpOperation::Request && target_protocol_addr == gateway {
            say(turn, ArpOperation::Reply, origin.mac, source_protocol_addr);
        }
    }

    /// Asks all for the address.
    pub fn ask(turn: &mut Turn<'_>, address: Ipv4Addr) {
        say(turn, ArpOperation::Request, Mac::BROADCAST, address);
    }
}

fn say(turn: &mut Turn<'_>, operation: ArpOperation, to: Mac, target: Ipv4Addr) {
    let known = if to == Mac::BROADCAST { Mac([0; 6]) } else { to };
    let repr = ArpRepr::EthernetIpv4 {
        operation,
        source_hardware_addr: EthernetAddress(Mac::GATEWAY.0),
        source_protocol_addr: turn.network.gateway(),
        target_hardware_addr: EthernetAddress(known.0),
        target_protocol_addr: target,
    };
    let mut out = Vec::new();
    let payload = packet::frame(&mut out, to, EthernetProtocol::Arp, repr.buffer_len());
    repr.emit(&mut ArpPacket::new_unchecked(payload));
    turn.switch.queue(to, &out);
}
