//! The gateway: what is behind the one hardware address that is no VM's.

use std::collections::{HashMap, HashSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::time::Duration;

use smoltcp::wire::{EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet, UdpPacket};

use super::Origin;
use super::dhcp::{self, Dhcp};
use super::flows::Sockets;
use super::forwards::{Forward, Forwards, Listener, More, seen};
use super::fragments::Fragments;
use super::neighbours::Neighbours;
use super::ping::Ping;
use super::udp::{self, Ends, Udp};
use crate::switch::{Card, PortId};
use crate::tcp::{Outcome, Tcp};
use crate::turn::Turn;
use crate::wire::Mac;
use crate::wire::frames::ETHERNET;
use crate::wire::packet::{IP, Unreachable};

/// How often what is idle is looked for, while there is anything.
const SWEEP: Duration = Duration::from_secs(10);

/// Sockets of the host that serve guests, unless the descriptors don't suffice.
const SOCKETS: usize = 16_384;

/// How long the connections of a VM outlive its cable.
const GRACE: Duration = Duration::from_secs(60);

/// The gateway's parts.
pub struct Gateway {
    /// Addresses.
    pub dhcp: Dhcp,
    /// Connections.
    pub tcp: Tcp,
    neighbours: Neighbours,
    fragments: Fragments,
    udp: Udp,
    ping: Ping,
    forwards: Forwards,
    sockets: usize,
    /// VMs that are away, by their cards' addresses, and until when their connections wait for them.
    gone: HashMap<Mac, (Card, Duration)>,
    swept: Duration,
}

impl Gateway {
    /// With these leases, for as many sockets as there are descriptors.
    pub fn new(dhcp: Dhcp, descriptors: usize) -> Self {
        Self {
            dhcp,
            tcp: Tcp::new(),
            neighbours: Neighbours::default(),
            fragments: Fragments::default(),
            udp: Udp::new(),
            ping: Ping::new(),
            forwards: Forwards::default(),
            sockets: SOCKETS.min(descriptors),
            gone: HashMap::new(),
            swept: Duration::ZERO,
        }
    }

    /// How many sockets of the host are left for guests: each connection, each UDP flow and each
    /// asker of echoes has one.
    fn free(&self) -> usize {
        self.sockets.saturating_sub(self.tcp.len() + self.udp.len() + self.ping.len())
    }

    /// When none is left, takes one of the VM that has most of a kind, if that is more than this one
    /// has in all; returns whether one is left now.
    fn squeeze(&mut self, turn: &mut Turn<'_>, port: PortId) -> bool {
        if self.free() > 0 {
            return false;
        }
        let kinds: [&mut dyn Sockets; 3] =
            [&mut self.tcp.sockets(turn), self.udp.flows(), self.ping.flows()];
        let own: usize = kinds.iter().map(|kind| kind.count(port)).sum();
        let all = kinds.into_iter().filter_map(|kind| kind.most().map(|most| (kind, most)));
        let most = all.max_by_key(|(_, (_, count))| *count);
        if let Some((kind, (greedy, count))) = most
            && count > own + 1
        {
            kind.end_oldest(greedy);
        }
        self.free() > 0
    }

    /// Takes in a frame of a VM; `at` is where it is in the batch. Segments of connections are
    /// only noted, until [`Tcp::deliver`].
    pub fn arrive(&mut self, turn: &mut Turn<'_>, port: PortId, batch: &[u8], at: Range<usize>) {
        let Ok(frame) = EthernetFrame::new_checked(&batch[at.clone()]) else { return };
        let origin = Origin { port, mac: Mac(frame.src_addr().0) };
        self.welcome(turn, origin);
        match frame.ethertype() {
            EthernetProtocol::Arp => self.neighbours.arp(turn, origin, frame.payload()),
            EthernetProtocol::Ipv4 => {
                let start = at.start + ETHERNET;
                let alone = frame.dst_addr().is_unicast();
                self.ip(turn, origin, &batch[start..at.end], start, alone);
            }
            _ => {}
        }
    }

    /// A VM that was unplugged may be back.
    fn welcome(&mut self, turn: &mut Turn<'_>, origin: Origin) {
        if !self.gone.is_empty()
            && let Some((card, _)) = self.gone.remove(&origin.mac)
        {
            self.settle(turn, card);
        }
    }

    /// The connections of a VM that was away are its again, or end if it is not back: another may
    /// have its card's address by now.
    fn settle(&mut self, turn: &mut Turn<'_>, card: Card) {
        match turn.switch.back(card) {
            Some(_) => self.tcp.adopt(turn.switch),
            None => self.tcp.reset_orphans(turn, card),
        }
    }

    fn ip(
        &mut self,
        turn: &mut Turn<'_>,
        origin: Origin,
        packet: &[u8],
        start: usize,
        alone: bool,
    ) {
        let Ok(ip) = Ipv4Packet::new_checked(packet) else { return };
        let header = usize::from(ip.header_len());
        if ip.version() != 4 || header < IP || !ip.verify_checksum() {
            return;
        }
        // Ethernet may have padded it.
        let packet = &packet[..usize::from(ip.total_len())];
        if ip.more_frags() || ip.frag_offset() > 0 {
            let Ok(part) = Ipv4Packet::new_checked(packet) else { return };
            if let Some(whole) = self.fragments.add(turn.clock.now(), origin.port, &part) {
                self.whole(turn, origin, &whole, None, alone);
            }
            return;
        }
        self.whole(turn, origin, packet, Some(start), alone);
    }

    /// A packet that is no part of another; `start` is where it is in the batch, if it is there.
    fn whole(
        &mut self,
        turn: &mut Turn<'_>,
        origin: Origin,
        packet: &[u8],
        start: Option<usize>,
        alone: bool,
    ) {
        let Ok(ip) = Ipv4Packet::new_checked(packet) else { return };
        let (from, to) = (ip.src_addr(), ip.dst_addr());
        let (subnet, gateway) = (turn.network.subnet, turn.network.gateway());
        if ip.next_header() == IpProtocol::Udp && self.dhcp(turn, origin, &ip, alone) {
            return;
        }
        if !alone || !subnet.contains(from) || from == gateway || from == subnet.broadcast() {
            return;
        }
        self.neighbours.learn(from, origin.mac);
        if subnet.contains(to) && to != gateway {
            // Not reached through the gateway.
            return turn.unreachable(origin.mac, Unreachable::Host, packet);
        }
        if ip.hop_limit() <= 1 && to != gateway {
            return turn.unreachable(origin.mac, Unreachable::Expired, packet);
        }
        match (ip.next_header(), start) {
            (IpProtocol::Tcp, Some(start)) => {
                let at = start..start + packet.len();
                self.fairly(turn, origin.port, |parts, turn, free| {
                    parts.tcp.arrive(turn, origin, packet, at.clone(), free)
                });
            }
            (IpProtocol::Tcp, None) => self.fairly(turn, origin.port, |parts, turn, free| {
                parts.tcp.arrive_whole(turn, origin, packet, free)
            }),
            (IpProtocol::Udp, _) => self.udp(turn, origin, packet),
            (IpProtocol::Icmp, _) => self.fairly(turn, origin.port, |parts, turn, free| {
                parts.ping.arrive(turn, origin, packet, free)
            }),
            _ => {}
        }
    }

    /// Takes a packet in, and once more if it needed a socket and there was none. Then silence: the
    /// guest asks again, and there may be one then.
    fn fairly(
        &mut self,
        turn: &mut Turn<'_>,
        port: PortId,
        mut take: impl FnMut(&mut Self, &mut Turn<'_>, usize) -> bool,
    ) {
        let free = self.free();
        if !take(self, turn, free) && self.squeeze(turn, port) {
            let free = self.free();
            take(self, turn, free);
        }
    }

    /// Whether it was for the DHCP server.
    fn dhcp(
        &mut self,
        turn: &mut Turn<'_>,
        origin: Origin,
        ip: &Ipv4Packet<&[u8]>,
        alone: bool,
    ) -> bool {
        let Ok(udp) = UdpPacket::new_checked(ip.payload()) else { return false };
        let here = !alone || ip.dst_addr() == turn.network.gateway();
        if udp.dst_port() != dhcp::SERVER || !here {
            return false;
        }
        if udp.verify_checksum(&ip.src_addr().into(), &ip.dst_addr().into()) {
            self.dhcp.arrive(turn, origin, udp.payload());
        }
        true
    }

    fn udp(&mut self, turn: &mut Turn<'_>, origin: Origin, packet: &[u8]) {
        let Ok(ip) = Ipv4Packet::new_checked(packet) else { return };
        let Ok(udp) = UdpPacket::new_checked(ip.payload()) else { return };
        let (from, to) = (ip.src_addr(), ip.dst_addr());
        if !udp.verify_checksum(&from.into(), &to.into()) || udp.dst_port() == 0 {
            return;
        }
        let ends = Ends {
            guest: SocketAddrV4::new(from, udp.src_port()),
            remote: SocketAddrV4::new(to, udp.dst_port()),
        };
        if to == turn.network.gateway() {
            if udp.dst_port() == crate::dns::PORT {
                let Origin { port, mac } = origin;
                return turn.services.dns_query(port, mac, ends.guest, udp.payload());
            }
            if self.answered(turn, origin, ends, udp.payload()) {
                return;
            }
        }
        self.fairly(turn, origin.port, |parts, turn, free| {
            parts.udp.arrive(turn, origin, ends, packet, free)
        });
    }

    /// Hands a guest's answer to whoever asked it through a forward; returns whether it was one. To
    /// all others the number stands for the host's own port.
    fn answered(&mut self, turn: &Turn<'_>, origin: Origin, ends: Ends, data: &[u8]) -> bool {
        let port = ends.remote.port();
        let Some((slot, address)) = self.udp.peer(port) else { return false };
        let Some(Forward { listener: Listener::Datagram(socket), guest, .. }) =
            self.forwards.at(slot)
        else {
            return false;
        };
        // Nobody answers in another's name.
        if *guest != ends.guest || self.find(*guest.ip()) != Some(origin.mac) {
            return false;
        }
        self.udp.peer_used(port, turn.clock.now());
        // Datagrams may be lost.
        let _ = socket.send_to(data, address);
        true
    }

    /// A UDP flow's socket has something.
    pub fn udp_event(&mut self, turn: &mut Turn<'_>, slot: usize) {
        self.udp.event(turn, slot);
    }

    /// An echo reply came.
    pub fn ping_event(&mut self, turn: &mut Turn<'_>, slot: usize) {
        self.ping.event(turn, slot);
    }

    /// Serves a port of the host.
    pub fn add_forward(&mut self, turn: &Turn<'_>, forward: Forward) {
        self.forwards.add(turn, forward);
    }

    /// No longer serves it.
    pub fn remove_forward(&mut self, id: u64) {
        self.forwards.remove(id).into_iter().for_each(|slot| self.udp.forget_peers(slot));
    }

    /// Somebody on the host connects to a guest; returns whether there are more of them.
    pub fn forward_event(&mut self, turn: &mut Turn<'_>, slot: usize) -> More {
        let Some(guest) = self.forwards.at(slot).map(|forward| forward.guest) else {
            return More::None;
        };
        let datagram = matches!(
            self.forwards.at(slot).map(|forward| &forward.listener),
            Some(Listener::Datagram(_))
        );
        if datagram {
            return self.forward_datagrams(turn, slot, guest);
        }
        let (taken, more) = self.forwards.accept(slot);
        for socket in taken {
            self.dial(turn, guest, socket, None);
        }
        more
    }

    fn forward_datagrams(&mut self, turn: &mut Turn<'_>, slot: usize, guest: SocketAddrV4) -> More {
        let Some(Forward { listener: Listener::Datagram(socket), .. }) = self.forwards.at(slot)
        else {
            return More::None;
        };
        let mut buffer = vec![0; usize::from(u16::MAX)];
        for _ in 0..64 {
            let Ok((count, address)) = socket.recv_from(&mut buffer) else { return More::None };
            let now = turn.clock.now();
            let port = self.udp.peer_port(slot, address, now);
            let ends = Ends { guest, remote: seen(turn.network.gateway(), port) };
            if let Some(mac) = self.find(*guest.ip()) {
                udp::answer(turn, mac, ends, &buffer[..count]);
            }
        }
        More::Now
    }

    /// Connects a socket of the host to a guest.
    pub fn dial(
        &mut self,
        turn: &mut Turn<'_>,
        guest: SocketAddrV4,
        socket: OwnedFd,
        outcome: Option<Outcome>,
    ) {
        let inside = turn.network.subnet.contains(*guest.ip())
            && *guest.ip() != turn.network.gateway()
            && guest.port() != 0;
        let mac = self.find(*guest.ip());
        // Its answer tells the switch where it is; the first segment may be lost until then.
        if inside && mac.and_then(|mac| turn.switch.behind(mac)).is_none() {
            Neighbours::ask(turn, *guest.ip());
        }
        let Some(mac) = mac.filter(|_| inside) else { return };
        if let Some(port) = turn.switch.behind(mac) {
            self.squeeze(turn, port);
        }
        // Dropped if there is no room: the peer sees it closed.
        let free = self.free();
        let _ = self.tcp.dial(turn, guest, mac, socket, outcome, free);
    }

    /// Who has the address: the VM that was given it, also while it is away, since what is for it is
    /// for no other; whoever says so, if it was given to nobody.
    fn find(&self, address: Ipv4Addr) -> Option<Mac> {
        self.dhcp.leases.holder(address).or_else(|| self.neighbours.find(address))
    }

    /// A VM's cable was pulled out. `card` is its card, if its address is kept for it.
    pub fn forget(&mut self, turn: &mut Turn<'_>, port: PortId, card: Option<Card>) {
        let left = self.tcp.forget(turn, port, card);
        // It may be back before its old cable is out.
        self.tcp.adopt(turn.switch);
        self.udp.forget(port);
        self.ping.forget(port);
        self.dhcp.forget(port);
        self.fragments.forget(port);
        turn.services.forget(port);
        // Who left no connection behind need not be waited for.
        if let Some(card) = card.filter(|_| left) {
            let until = turn.clock.now() + GRACE;
            let before = self.gone.insert(card.mac, (card, until));
            // Another had its place meanwhile, and said nothing to the gateway.
            if let Some((before, _)) = before.filter(|(before, _)| *before != card) {
                self.tcp.reset_orphans(turn, before);
            }
        }
    }

    /// VMs at these ports have no more these addresses, which are another's: what they opened under
    /// them would speak in that one's name, and keep it from the same ports.
    pub fn end_of(&mut self, turn: &mut Turn<'_>, lost: &HashSet<(PortId, Mac)>) {
        self.tcp.end_of(turn, lost);
        self.udp.end_of(lost);
        self.ping.end_of(lost);
    }

    /// Does what is due; to be called once per turn of the loop.
    pub fn work(&mut self, turn: &mut Turn<'_>) {
        self.tcp.work(turn);
        let now = turn.clock.now();
        if self.is_idle() || now.saturating_sub(self.swept) < SWEEP {
            return;
        }
        self.swept = now;
        self.udp.sweep(now);
        self.ping.sweep(now);
        self.fragments.sweep(now);
        let due: Vec<_> = self.gone.extract_if(|_, (_, until)| *until <= now).collect();
        for (_, (card, _)) in due {
            self.settle(turn, card);
        }
    }

    fn is_idle(&self) -> bool {
        self.udp.is_idle()
            && self.ping.is_idle()
            && self.fragments.is_empty()
            && self.gone.is_empty()
    }

    /// When there is something to do though nothing happened.
    pub fn due(&self) -> Option<Duration> {
        let sweep = (!self.is_idle()).then(|| self.swept + SWEEP);
        [self.tcp.due(), sweep].into_iter().flatten().min()
    }
}
