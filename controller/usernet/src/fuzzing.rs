//! What fuzz targets call: the daemon's parsers on any bytes, without a daemon and without a way
//! out. Of no use to anybody else.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::SocketAddrV4;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use smoltcp::wire::{Icmpv4Packet, IpProtocol, Ipv4Packet, TcpPacket, TcpSeqNumber, UdpPacket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::UnboundedReceiver as Receiver;

use crate::api::{Api, Forwards, StateFile, connection};
use crate::clock::Clock;
use crate::dns::{Target, Upstream, Zones};
use crate::gateway::{Dhcp, Fragments, Gateway, Origin};
use crate::leases::Leases;
use crate::mail::Mailbox;
use crate::reach::Reach;
use crate::services::{Saved, Services, Task};
use crate::subnet::Subnet;
use crate::switch::{Batch, Cards, Kind, Pool, Queue, Switch};
use crate::turn::{Network, Turn};
use crate::wire::frames::{ETHERNET, Frames, LONGEST, PREFIX};

/// A network of which nothing is reached, and a gateway on it.
struct World {
    network: Network,
    poll: mio::Poll,
    services: Services,
    switch: Switch,
    gateway: Gateway,
    clock: Clock,
    /// The other ends of cables and channels.
    _ends: (Vec<UnixStream>, Receiver<Task>, Receiver<Saved>),
}

impl World {
    /// With two VMs on the switch.
    fn new() -> Self {
        let subnet = Subnet::new([192, 168, 104, 0].into(), 24).expect("24 bits are few");
        let network = Network { subnet, mtu: 1500, reach: Reach::nothing() };
        let poll = mio::Poll::new().expect("there are descriptors");
        let (services, tasks, leases) = Services::new();
        let mut switch = Switch::default();
        let mut ends = Vec::new();
        for _ in 0..2 {
            let (one, end) = UnixStream::pair().expect("there are descriptors");
            switch.add(one.into(), Kind::Stream, None).expect("there is room");
            ends.push(end);
        }
        let mut gateway = Gateway::new(Dhcp::new(Leases::new(subnet), &[]), 64);
        gateway.dhcp.leases.insert([192, 168, 104, 1].into(), crate::Mac([2; 6]));
        let clock = Clock::start();
        Self { network, poll, services, switch, gateway, clock, _ends: (ends, tasks, leases) }
    }

    fn turn<T>(&mut self, work: impl FnOnce(&mut Gateway, &mut Turn<'_>) -> T) -> T {
        let (network, services, switch) = (&self.network, &self.services, &mut self.switch);
        let mut turn =
            Turn { clock: self.clock, network, switch, registry: self.poll.registry(), services };
        work(&mut self.gateway, &mut turn)
    }
}

impl World {
    /// The first VM sends a frame.
    fn hear(&mut self, frame: &[u8]) {
        let Some(mac) = frame.get(6..).and_then(crate::Mac::read) else { return };
        self.clock.look();
        self.turn(|gateway, turn| {
            if turn.switch.learn(mac, PORT) {
                gateway.arrive(turn, PORT, frame, 0..frame.len());
                gateway.tcp.deliver(turn, frame);
            }
            gateway.work(turn);
        });
        self.switch.flush();
    }

    /// The number of the first segment that the first VM got, if one came.
    fn first_number(&mut self) -> Option<TcpSeqNumber> {
        let (mut stream, cable) = (vec![0; 4096], self._ends.0.first()?);
        cable.set_nonblocking(true).ok()?;
        let count = (&mut &*cable).read(&mut stream).ok()?;
        let mut frames = Frames::new(&stream[..count]);
        while let Ok(Some(range)) = frames.next_range() {
            let packet = stream.get(range.start + PREFIX + ETHERNET..range.end)?;
            let Ok(packet) = Ipv4Packet::new_checked(packet) else { continue };
            let Ok(segment) = TcpPacket::new_checked(packet.payload()) else { continue };
            if segment.syn() {
                return Some(segment.seq_number());
            }
        }
        None
    }
}

/// Gives a frame right checksums, without which hardly any byte of it would be looked at. What a
/// segment says that it heard counts from `first`, which nobody can guess.
fn mend(frame: &mut [u8], first: TcpSeqNumber) {
    let Some(packet) = frame.get_mut(ETHERNET..) else { return };
    let Ok(mut packet) = Ipv4Packet::new_checked(packet) else { return };
    if packet.header_len() < 20 {
        return;
    }
    packet.fill_checksum();
    let (from, to) = (packet.src_addr().into(), packet.dst_addr().into());
    match packet.next_header() {
        IpProtocol::Tcp => {
            if let Ok(mut segment) = TcpPacket::new_checked(packet.payload_mut()) {
                let heard = segment.ack_number().0;
                segment.set_ack_number(TcpSeqNumber(first.0.wrapping_add(heard)));
                segment.fill_checksum(&from, &to);
            }
        }
        IpProtocol::Udp => {
            if let Ok(mut datagram) = UdpPacket::new_checked(packet.payload_mut()) {
                datagram.fill_checksum(&from, &to);
            }
        }
        IpProtocol::Icmp => {
            if let Ok(mut message) = Icmpv4Packet::new_checked(packet.payload_mut()) {
                message.fill_checksum();
            }
        }
        _ => {}
    }
}

/// Takes bytes in as frames that a VM sends one after the other, with right checksums: what is
/// behind these is looked at. The host has begun a connection to the VM, on which data waits.
///
/// # Panics
/// If a fault is found, or the system has no descriptor left.
pub fn packets(bytes: &[u8]) {
    heard(bytes);
}

/// The same; returns what the host heard on its connection.
///
/// # Panics
/// As of [`packets`].
pub fn heard(bytes: &[u8]) -> Vec<u8> {
    let mut world = World::new();
    let (dialled, mut peer) = UnixStream::pair().expect("there are descriptors");
    peer.write_all(b"data of the host").expect("there is room");
    let guest = SocketAddrV4::new([192, 168, 104, 1].into(), 22);
    assert!(world.switch.learn(crate::Mac([2; 6]), PORT));
    world.turn(|gateway, turn| gateway.dial(turn, guest, dialled.into(), None));
    world.switch.flush();
    let first = world.first_number().expect("the first segment comes at once");
    let mut frames = Frames::new(bytes);
    while let Ok(Some(range)) = frames.next_range() {
        let mut frame = bytes[range.start + PREFIX..range.end].to_vec();
        mend(&mut frame, first);
        world.hear(&frame);
    }
    let mut heard = vec![0; 4096];
    peer.set_nonblocking(true).expect("a socket");
    let count = peer.read(&mut heard).unwrap_or(0);
    heard.truncate(count);
    heard
}

/// The port of the first VM.
const PORT: usize = 0;

/// Takes bytes in as what a VM sends: a stream of frames. A second VM is on the switch, and one
/// connection to the first is open.
///
/// # Panics
/// If a fault is found, or the system has no descriptor left.
pub fn frames(bytes: &[u8]) {
    let (mut world, mut batch) = (World::new(), Batch::default());
    let (dialled, _peer) = UnixStream::pair().expect("there are descriptors");
    let guest = SocketAddrV4::new([192, 168, 104, 1].into(), 22);
    world.turn(|gateway, turn| gateway.dial(turn, guest, dialled.into(), None));
    let World { network, poll, services, switch, gateway, clock, .. } = &mut world;
    let sorted = batch.sort(switch, PORT, bytes, LONGEST, |switch, range| {
        let (network, services, registry) = (&*network, &*services, poll.registry());
        let mut turn = Turn { clock: *clock, network, switch, registry, services };
        gateway.arrive(&mut turn, PORT, bytes, range);
    });
    assert!(sorted.is_err() || sorted.is_ok_and(|rest| rest <= bytes.len()));
    world.clock.look();
    world.turn(|gateway, turn| {
        gateway.tcp.deliver(turn, bytes);
        gateway.work(turn);
    });
    world.switch.flush();
}

/// Takes bytes in as messages to the DHCP server, each behind a byte that says from which VM and
/// hardware address, and two with its length.
///
/// # Panics
/// If a fault is found.
pub fn dhcp(mut bytes: &[u8]) {
    let mut world = World::new();
    while let Some(([who, high, low], rest)) = bytes.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        let (message, rest) = rest.split_at(length);
        let port = usize::from(who & 1);
        let mut mac = crate::Mac([2; 6]);
        // As it says itself, most of the time: others are not heard.
        if let Some(own) = message.get(28..).and_then(crate::Mac::read).filter(|_| who & 2 == 0) {
            mac = own;
        }
        let origin = Origin { port, mac };
        world.turn(|gateway, turn| {
            if turn.switch.learn(mac, port) {
                gateway.dhcp.arrive(turn, origin, message);
            }
        });
        bytes = rest;
    }
    let all = world.gateway.dhcp.leases.all();
    assert!(all.keys().all(|address| world.network.subnet.contains(*address)));
    assert!(all.len() <= 2 + 2 * 32, "{}", all.len());
}

/// Takes bytes in as the packet behind an Ethernet header that says ARP.
///
/// # Panics
/// If a fault is found.
pub fn arp(bytes: &[u8]) {
    let mut world = World::new();
    let mac = bytes.get(8..).and_then(crate::Mac::read).unwrap_or(crate::Mac([2; 6]));
    let frame = [&[0xff; 6], &mac.0[..], &[8, 6], bytes].concat();
    world.turn(|gateway, turn| {
        if turn.switch.learn(mac, PORT) {
            gateway.arrive(turn, PORT, &frame, 0..frame.len());
        }
    });
}

/// Takes bytes in as parts of IPv4 packets, each behind two bytes with its length. Checksums are
/// mended, as without no part is looked at.
///
/// # Panics
/// If a fault is found.
pub fn fragments(mut bytes: &[u8]) {
    let mut world = World::new();
    let mut fragments = Fragments::default();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
        let (part, rest) = rest.split_at(length);
        bytes = rest;
        let mut part = part.to_vec();
        if let Ok(mut packet) = Ipv4Packet::new_checked(&mut part[..])
            && packet.header_len() >= 20
        {
            packet.fill_checksum();
        }
        let frame = [&crate::Mac::GATEWAY.0[..], &[2; 6], &[8, 0], &part].concat();
        world.turn(|gateway, turn| gateway.arrive(turn, PORT, &frame, 0..frame.len()));
        let Ok(packet) = Ipv4Packet::new_checked(&part[..]) else { continue };
        if packet.header_len() < 20 {
            continue;
        }
        if let Some(whole) = fragments.add(world.clock.now(), PORT, &packet) {
            let packet = Ipv4Packet::new_checked(&whole[..]).expect("a whole packet");
            assert!(packet.verify_checksum() && !packet.more_frags());
            assert_eq!((usize::from(packet.total_len()), packet.frag_offset()), (whole.len(), 0));
        }
    }
    fragments.forget(PORT);
    assert!(fragments.is_empty());
}

/// Takes bytes in as a file of the network: leases, cards, what the API was told, or the definition.
///
/// # Panics
/// If a fault is found.
pub fn files(bytes: &[u8]) {
    let mut world = World::new();
    if world.gateway.dhcp.leases.read(bytes).is_ok() {
        let all = world.gateway.dhcp.leases.all();
        assert!(all.keys().all(|address| world.network.subnet.contains(*address)));
        let text: BTreeMap<_, _> = all.iter().map(|(ip, mac)| (ip, mac.to_string())).collect();
        let text = serde_json::to_vec(&text).expect("plain data");
        let mut again = Leases::new(world.network.subnet);
        again.read(&text).expect("what was written");
        assert_eq!(again.all(), all);
    }
    let waker = mio::Waker::new(world.poll.registry(), crate::token::MAIL);
    let (mailbox, _mail) = Mailbox::new(Arc::new(waker.expect("there are descriptors")));
    let (mut zones, mut forwards) = (Zones::default(), Forwards::deaf());
    let taken = StateFile::read(bytes, &mailbox, &mut zones, &mut forwards);
    if let (Ok(()), Some(zone)) = (taken, zones.zones().first()) {
        zones.find(&format!("a.{}", zone.name));
    }
    let mut cards = Cards::default();
    if cards.read(bytes).is_ok() {
        assert!(!cards.contains(crate::Mac::GATEWAY) && cards.content().is_none());
    }
    if let Ok(hosts) = crate::dns::hosts(bytes) {
        let zones = Zones::new([192, 168, 104, 2].into(), hosts.clone());
        hosts.iter().for_each(|(name, _)| drop(zones.find(name)));
    }
}

/// Takes bytes in as what a client of the HTTP API sends. Nothing listens where it asks for it.
///
/// # Panics
/// If a fault is found.
pub fn api(bytes: &[u8]) {
    let poll = mio::Poll::new().expect("there are descriptors");
    let waker = mio::Waker::new(poll.registry(), crate::token::MAIL);
    let (mailbox, mail) = Mailbox::new(Arc::new(waker.expect("there are descriptors")));
    // Nobody answers: what is asked of the datapath fails at once.
    drop(mail);
    let zones = Arc::new(Mutex::new(Zones::new([192, 168, 104, 2].into(), Vec::new())));
    let (forwards, state) = (Mutex::new(Forwards::deaf()), StateFile(None));
    let api = Arc::new(Api { mailbox, zones, forwards, state });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("it needs nothing");
    let said = runtime.block_on(async move {
        let (mut client, server) = tokio::io::duplex(1 << 20);
        client.write_all(bytes).await.expect("there is room");
        client.shutdown().await.expect("it is open");
        drop(tokio::time::timeout(PATIENCE, connection(server, api)).await);
        let mut said = Vec::new();
        client.read_to_end(&mut said).await.map(|_| said)
    });
    let said = said.expect("it was written");
    assert!(said.is_empty() || said.starts_with(b"HTTP/1."), "{}", said.escape_ascii());
}

/// An answer that a client waits for by itself, `wait_port`, is given up.
const PATIENCE: Duration = Duration::from_millis(200);

/// Takes bytes in as a stream of frames for a VM that takes some of it at a time: the first byte
/// says how much.
///
/// # Panics
/// If a fault is found.
pub fn framing(bytes: &[u8]) {
    let Some((step, stream)) = bytes.split_first() else { return };
    let mut frames = Frames::new(stream);
    let (mut whole, mut queue, mut taken) = (Vec::new(), Queue::default(), Vec::new());
    let mut pool = Pool::default();
    while let Ok(Some(range)) = frames.next_range() {
        assert_eq!(range.start, whole.len());
        whole.extend_from_slice(&stream[range.clone()]);
        // What there is no room for is taken out first.
        while queue.add(&mut pool, &stream[range.clone()], 0) > 0 {
            taken.extend(queue.waiting().concat());
            queue.clear(&mut pool);
        }
        let some = usize::from(*step).min(queue.len());
        taken.extend(queue.waiting().concat().drain(..some));
        queue.take(&mut pool, some);
    }
    assert!(frames.rest() == whole.len() && whole.len() <= stream.len());
    taken.extend(queue.waiting().concat());
    assert!(taken == whole, "what goes in comes out");
}

/// Takes bytes in as a query to the name server.
///
/// # Panics
/// If a fault is found.
pub fn dns(bytes: &[u8]) {
    let alias = ("alias.test".to_owned(), Target::Name("host.lima.internal".to_owned()));
    let zones = Mutex::new(Zones::new([192, 168, 104, 2].into(), vec![alias]));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("it needs nothing");
    let answer = runtime.block_on(crate::dns::datagram(&zones, &Upstream::Nobody, bytes));
    if let Some(answer) = answer {
        assert!(answer.len() >= 12 && answer.len() <= 4096);
        assert_eq!(answer[..2], bytes[..2], "the query's number");
        assert!(answer[2] & 0x80 != 0, "an answer");
    }
}
