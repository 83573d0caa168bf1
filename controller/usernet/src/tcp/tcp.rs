//! TCP through the gateway.
//!
//! A guest's connection is first made on the host, and only then accepted: a refused port looks
//! refused, and an address that cannot be reached unreachable.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use smoltcp::wire::{IpProtocol, Ipv4Packet, TcpPacket};

use super::buffers::Buffers;
use super::flow::{Exit, Next};
use super::table::{Entry, FlowId, Outcome, Side, Table};
use super::timers::Timers;
use super::{Flow, Host, Key, Outgoing};
use crate::gateway::{Origin, Sockets};
use crate::switch::{Card, PortId, Switch};
use crate::token;
use crate::turn::Turn;
use crate::wire::Mac;
use crate::wire::packet::{self, Ip, Unreachable};

/// How long the host may take to connect.
const CONNECT: Duration = Duration::from_secs(75);

/// Connections that wait for a port and may be over.
const SPARE: usize = 64;

/// All connections.
pub struct Tcp {
    table: Table,
    buffers: Buffers,
    out: Outgoing,
    timers: Timers,
    ready: VecDeque<FlowId>,
    blocked: HashMap<PortId, Vec<FlowId>>,
    /// Segments of this batch: whose, and where they are.
    arrived: Vec<(FlowId, Range<usize>)>,
    next_port: u16,
}

impl Tcp {
    /// None yet.
    pub fn new() -> Self {
        Self {
            table: Table::default(),
            buffers: Buffers::default(),
            out: Outgoing::new(),
            timers: Timers::default(),
            ready: VecDeque::new(),
            blocked: HashMap::new(),
            arrived: Vec::new(),
            next_port: 0,
        }
    }

    /// How many connections there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Notes a segment that came; it is taken in with others of its batch. `at` is where its IP
    /// packet is in the batch; of all sockets `free` are left. `false`: it needs one, and there is
    /// none.
    pub fn arrive(
        &mut self,
        turn: &mut Turn<'_>,
        origin: Origin,
        packet: &[u8],
        at: Range<usize>,
        free: usize,
    ) -> bool {
        let Some((key, flags)) = read(packet) else { return true };
        let Some(entry) = self.table.find(&key).and_then(|slot| self.table.at(slot)) else {
            if !flags.opens {
                refuse(turn, origin.mac, key, packet);
            } else if !turn.network.reach.permits(*key.remote.ip()) {
                turn.unreachable(origin.mac, Unreachable::Prohibited, packet);
            } else if self.make_room(turn, origin.port, free) {
                self.begin(turn, origin, key, packet);
            } else {
                return false;
            }
            return true;
        };
        if !turn.belongs(entry.port, entry.mac, origin) {
            return true;
        }
        entry.mac = origin.mac;
        // One from the host to a VM of which nothing was heard before is its from now on.
        entry.port = entry.port.or(Some(origin.port).filter(|_| entry.orphan.is_none()));
        let id = entry.id;
        match entry.side {
            Side::Open(_) => self.arrived.push((id, at)),
            Side::Connecting { .. } if flags.reset => drop(self.table.remove(id)),
            Side::Connecting { .. } | Side::Moving => {}
        }
        true
    }

    /// Takes in a packet that was put together from parts.
    pub fn arrive_whole(
        &mut self,
        turn: &mut Turn<'_>,
        origin: Origin,
        packet: &[u8],
        free: usize,
    ) -> bool {
        let before = std::mem::take(&mut self.arrived);
        let taken = self.arrive(turn, origin, packet, 0..packet.len(), free);
        self.deliver(turn, packet);
        self.arrived = before;
        taken
    }

    /// Hands the batch's segments to their connections.
    pub fn deliver(&mut self, turn: &mut Turn<'_>, batch: &[u8]) {
        let mut arrived = std::mem::take(&mut self.arrived);
        // Stable: each connection's segments keep their order.
        arrived.sort_by_key(|(id, _)| id.slot);
        for segments in arrived.chunk_by(|(a, _), (b, _)| a == b) {
            let packets: Vec<&[u8]> =
                segments.iter().map(|(_, range)| &batch[range.clone()]).collect();
            self.run(turn, segments[0].0, &packets);
        }
        arrived.clear();
        self.arrived = arrived;
    }

    /// Whether there is room for one more connection of the VM. Silence, if there is none: the
    /// guest asks again, and there may be room then.
    fn make_room(&mut self, turn: &mut Turn<'_>, port: PortId, free: usize) -> bool {
        let Ok(stale) = self.table.may_begin(port, turn.clock.now()) else { return false };
        let before = self.table.len();
        if let Some(stale) = stale {
            self.close(turn, stale, true);
        }
        if let Some(orphan) = self.table.gives_way(free) {
            self.close(turn, orphan, true);
        }
        self.table.has_room(Some(port), free + before - self.table.len())
    }

    fn begin(&mut self, turn: &mut Turn<'_>, origin: Origin, key: Key, packet: &[u8]) {
        // What comes with it comes again: nobody's first segment is to be kept at full length.
        let Some(syn) = packet::bare_segment(packet) else { return };
        match connect(turn, origin.port, key.remote) {
            Ok(host) => self.connecting(turn, origin, key, host, syn),
            Err(error) => failed(turn, origin.mac, key, &error, packet),
        }
    }

    fn connecting(
        &mut self,
        turn: &mut Turn<'_>,
        origin: Origin,
        key: Key,
        host: Host,
        syn: Vec<u8>,
    ) {
        let side = Side::Connecting { host, syn };
        let now = turn.clock.now();
        let id = self.table.add(key, origin.mac, Some(origin.port), true, side, now);
        let Some(entry) = self.table.get(id) else { return };
        let Side::Connecting { host, .. } = &entry.side else { return };
        if host.register(turn.registry, token::tcp(id.slot)).is_err() {
            self.table.remove(id);
            return;
        }
        self.timers.set(id, turn.clock.now() + CONNECT, &mut entry.noted);
        self.connected(turn, id);
    }

    /// Looks what came of connecting on the host.
    fn connected(&mut self, turn: &mut Turn<'_>, id: FlowId) {
        let Some(Entry { side: Side::Connecting { host, .. }, key, mac, .. }) = self.table.get(id)
        else {
            return;
        };
        let (key, mac) = (*key, *mac);
        match host.connected() {
            None => {}
            Some(Err(error)) => {
                if let Some(Entry { side: Side::Connecting { syn, .. }, .. }) =
                    self.table.remove(id)
                {
                    failed(turn, mac, key, &error, &syn);
                }
            }
            Some(Ok(())) => self.accept(turn, id),
        }
    }

    fn accept(&mut self, turn: &mut Turn<'_>, id: FlowId) {
        let flood = self.table.is_flooded(id);
        let Some(entry) = self.table.get(id) else { return };
        let Side::Connecting { host, syn } = std::mem::replace(&mut entry.side, Side::Moving)
        else {
            return;
        };
        let share = self.buffers.take(flood);
        let flow = Flow::accept(entry.key, host, share, &mut exit(turn, &mut self.out, entry.mac));
        entry.side = Side::Open(Box::new(flow));
        self.run(turn, id, &[&syn]);
    }

    /// Connects a socket of the host to a guest; of all sockets `free` are left.
    ///
    /// # Errors
    /// There is no room.
    pub fn dial(
        &mut self,
        turn: &mut Turn<'_>,
        guest: SocketAddrV4,
        mac: Mac,
        host: OwnedFd,
        outcome: Option<Outcome>,
        free: usize,
    ) -> Result<(), OwnedFd> {
        let Some(key) = self.free_key(turn.network.gateway(), guest) else { return Err(host) };
        if !self.table.has_room(None, free) {
            return Err(host);
        }
        let share = self.buffers.take(false);
        let mut exit = exit(turn, &mut self.out, mac);
        let flow = Flow::dial(key, Host::new(host), share, &mut exit);
        let side = Side::Open(Box::new(flow));
        let id = self.table.add(key, mac, turn.switch.behind(mac), false, side, turn.clock.now());
        if let Some(entry) = self.table.get(id) {
            entry.outcome = outcome;
            if let Side::Open(flow) = &entry.side {
                // Without, the connection is not served; it ends by its handshake's deadline.
                let _ = flow.host.register(turn.registry, token::tcp(id.slot));
            }
        }
        self.run(turn, id, &[]);
        Ok(())
    }

    fn free_key(&mut self, gateway: Ipv4Addr, guest: SocketAddrV4) -> Option<Key> {
        // The range that RFC 6335 has for this.
        (0..16_384).find_map(|_| {
            self.next_port = self.next_port.wrapping_add(1) | 0xc000;
            let key = Key { guest, remote: SocketAddrV4::new(gateway, self.next_port) };
            self.table.find(&key).is_none().then_some(key)
        })
    }

    /// A host socket of a connection has something to tell.
    pub fn event(&mut self, turn: &mut Turn<'_>, slot: usize, event: &mio::event::Event) {
        let Some(entry) = self.table.at(slot) else { return };
        let id = entry.id;
        match &mut entry.side {
            Side::Connecting { .. } => self.connected(turn, id),
            Side::Moving => {}
            Side::Open(flow) => {
                let gone = event.is_read_closed() || event.is_error();
                flow.host.readable |= (event.is_readable() || gone) && !flow.host.ended;
                flow.host.writable |= event.is_writable() || event.is_error();
                flow.host.hung_up |= gone;
                self.wake(id);
            }
        }
    }

    /// A guest's port takes frames again.
    pub fn unblocked(&mut self, port: PortId) {
        for id in self.blocked.remove(&port).unwrap_or_default() {
            if let Some(entry) = self.table.get(id) {
                entry.blocked = false;
            }
            self.wake(id);
        }
    }

    fn wake(&mut self, id: FlowId) {
        let Some(entry) = self.table.get(id) else { return };
        if !std::mem::replace(&mut entry.queued, true) {
            self.ready.push_back(id);
        }
    }

    /// Whether connections have something to do.
    pub fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// When the next connection needs a turn.
    pub fn due(&self) -> Option<Duration> {
        self.timers.next()
    }

    /// Gives a turn to each connection that has something to do or is due.
    pub fn work(&mut self, turn: &mut Turn<'_>) {
        let now = turn.clock.now();
        while let Some((at, id)) = self.timers.pop(now) {
            let Some(entry) = self.table.get(id).filter(|entry| entry.noted == Some(at)) else {
                continue;
            };
            entry.noted = None;
            match entry.side {
                Side::Open(_) => self.wake(id),
                // As long as a guest itself would wait.
                Side::Connecting { .. } => self.give_up(turn, id),
                Side::Moving => {}
            }
        }
        let table = &mut self.table;
        self.timers
            .tidy(table.len(), |id, at| table.get(id).is_some_and(|entry| entry.noted == Some(at)));
        for _ in 0..self.ready.len() {
            let Some(id) = self.ready.pop_front() else { break };
            if let Some(entry) = self.table.get(id) {
                entry.queued = false;
                self.run(turn, id, &[]);
            }
        }
    }

    fn give_up(&mut self, turn: &mut Turn<'_>, id: FlowId) {
        if let Some(Entry { side: Side::Connecting { syn, .. }, mac, .. }) = self.table.remove(id) {
            turn.unreachable(mac, Unreachable::Host, &syn);
        }
    }

    /// Resets the connections of a VM that is gone.
    pub fn reset_orphans(&mut self, turn: &mut Turn<'_>, card: Card) {
        for id in self.table.orphans_of(card) {
            self.close(turn, id, true);
        }
    }

    /// Resets the connections under addresses that are no more the port's.
    pub fn end_of(&mut self, turn: &mut Turn<'_>, lost: &HashSet<(PortId, Mac)>) {
        for id in self.table.under(lost) {
            self.close(turn, id, true);
        }
    }

    /// A port is no more. The connections under its VM's own address, if that is kept for it, stay:
    /// the VM may come back. Returns whether it had any.
    pub fn forget(&mut self, turn: &mut Turn<'_>, port: PortId, card: Option<Card>) -> bool {
        let left = self.table.forget(port, card);
        left.strays.into_iter().for_each(|id| self.close(turn, id, true));
        self.unblocked(port);
        left.waits
    }

    /// VMs may be back, behind these ports.
    pub fn adopt(&mut self, switch: &Switch) {
        self.table.adopt(|card| switch.back(card));
    }

    fn run(&mut self, turn: &mut Turn<'_>, id: FlowId, incoming: &[&[u8]]) {
        let Some(entry) = self.table.get(id) else { return };
        let Side::Open(flow) = &mut entry.side else { return };
        let mac = entry.mac;
        let next = flow.turn(incoming, &mut exit(turn, &mut self.out, mac));
        if flow.open
            && let Some(outcome) = entry.outcome.take()
        {
            // Whoever asked may be gone.
            let _ = outcome.send(true);
        }
        if flow.open {
            self.table.opened(id);
        }
        match next {
            Next::Again => self.wake(id),
            Next::Close => self.close(turn, id, false),
            Next::Reset => self.close(turn, id, true),
            Next::Wait => self.wait(turn, id),
        }
    }

    fn wait(&mut self, turn: &mut Turn<'_>, id: FlowId) {
        let Some(entry) = self.table.get(id) else { return };
        let Side::Open(flow) = &mut entry.side else { return };
        if turn.switch.busy(entry.mac)
            && let Some(port) = turn.switch.behind(entry.mac)
        {
            if !std::mem::replace(&mut entry.blocked, true) {
                self.block(port, id);
            }
        } else if let Some(at) = flow.due(turn.clock) {
            self.timers.set(id, at, &mut entry.noted);
        }
    }

    /// Notes that a connection waits for its guest's port. Those that are over are taken out once
    /// they are most: a guest that takes nothing and begins and ends connections would pile them up.
    fn block(&mut self, port: PortId, id: FlowId) {
        let (table, blocked) = (&mut self.table, self.blocked.entry(port).or_default());
        blocked.push(id);
        if blocked.len() > SPARE + 2 * table.count(port) {
            blocked.retain(|id| table.get(*id).is_some_and(|entry| entry.blocked));
        }
    }

    /// Whose connections there are.
    pub fn sockets<'a, 'b>(&'a mut self, turn: &'a mut Turn<'b>) -> TcpSockets<'a, 'b> {
        TcpSockets { tcp: self, turn }
    }

    fn close(&mut self, turn: &mut Turn<'_>, id: FlowId, reset: bool) {
        let Some(entry) = self.table.remove(id) else { return };
        if let Some(outcome) = entry.outcome {
            let _ = outcome.send(false);
        }
        let Side::Open(mut flow) = entry.side else { return };
        self.buffers.give_back(flow.share);
        if !reset {
            return;
        }
        flow.abort(&mut exit(turn, &mut self.out, entry.mac));
        flow.host.reset();
    }
}

/// Connections by the VM that has them.
pub struct TcpSockets<'a, 'b> {
    tcp: &'a mut Tcp,
    turn: &'a mut Turn<'b>,
}

impl Sockets for TcpSockets<'_, '_> {
    fn count(&self, port: PortId) -> usize {
        self.tcp.table.count(port)
    }

    fn most(&self) -> Option<(PortId, usize)> {
        self.tcp.table.most()
    }

    fn end_oldest(&mut self, port: PortId) {
        if let Some(id) = self.tcp.table.oldest(port) {
            self.tcp.close(self.turn, id, true);
        }
    }
}

fn exit<'a>(turn: &'a mut Turn<'_>, out: &'a mut Outgoing, to: Mac) -> Exit<'a> {
    Exit { clock: turn.clock, out, to, mtu: turn.network.mtu, switch: turn.switch }
}

/// What matters of a segment's flags.
#[derive(Clone, Copy, Debug)]
struct Flags {
    /// It opens a connection.
    opens: bool,
    /// It resets one.
    reset: bool,
}

fn read(packet: &[u8]) -> Option<(Key, Flags)> {
    let ip = Ipv4Packet::new_checked(packet).ok()?;
    let (guest, remote) = (ip.src_addr(), ip.dst_addr());
    let tcp = TcpPacket::new_checked(ip.payload()).ok()?;
    let key = Key {
        guest: SocketAddrV4::new(guest, tcp.src_port()),
        remote: SocketAddrV4::new(remote, tcp.dst_port()),
    };
    let opens = tcp.syn() && !tcp.ack() && !tcp.rst() && !tcp.fin();
    let good = tcp.src_port() != 0 && tcp.dst_port() != 0;
    good.then_some((key, Flags { opens, reset: tcp.rst() }))
}

/// The host's socket for a connection of a guest.
fn connect(turn: &mut Turn<'_>, port: PortId, to: SocketAddrV4) -> io::Result<Host> {
    if *to.ip() != turn.network.gateway() {
        return Host::connect(to);
    }
    if to.port() == crate::dns::PORT {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        turn.services.dns_stream(port, theirs);
        return Ok(Host::new(ours.into()));
    }
    // The gateway is the host: Lima's rule.
    Host::connect(SocketAddrV4::new(Ipv4Addr::LOCALHOST, to.port()))
}

fn failed(turn: &mut Turn<'_>, mac: Mac, key: Key, error: &io::Error, syn: &[u8]) {
    let why = match Errno::from_io_error(error) {
        Some(Errno::CONNREFUSED | Errno::CONNRESET) => return refuse(turn, mac, key, syn),
        Some(Errno::NETUNREACH | Errno::NETDOWN | Errno::AFNOSUPPORT) => Unreachable::Network,
        Some(Errno::ACCESS | Errno::PERM) => Unreachable::Prohibited,
        // Out of descriptors, memory or ports: the guest asks again.
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM | Errno::ADDRNOTAVAIL) => {
            return tracing::warn!("a connection of a guest waits: {error}");
        }
        _ => Unreachable::Host,
    };
    turn.unreachable(mac, why, syn);
}

fn refuse(turn: &mut Turn<'_>, mac: Mac, key: Key, packet: &[u8]) {
    let Ok(ip) = Ipv4Packet::new_checked(packet) else { return };
    let Ok(segment) = TcpPacket::new_checked(ip.payload()) else { return };
    let (from, to) = (*key.remote.ip(), *key.guest.ip());
    if let Some(reset) = packet::reset(&segment, from, to) {
        turn.send_ip(mac, Ip { from, to, protocol: IpProtocol::Tcp }, &reset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_are_over_do_not_pile_up_behind_a_port_that_takes_nothing() {
        let mut tcp = Tcp::new();
        for serial in 0..100_000 {
            tcp.block(1, FlowId { slot: 0, serial });
            assert!(tcp.blocked[&1].len() <= SPARE + 1);
        }
    }
}
