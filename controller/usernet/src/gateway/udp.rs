//! UDP through the gateway: a socket of the host for each flow.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

use mio::Interest;
use mio::unix::SourceFd;
use smoltcp::wire::{IpProtocol, Ipv4Packet, UdpPacket};

use super::Origin;
use super::flows::{Flows, Sockets};
use crate::switch::PortId;
use crate::token;
use crate::turn::Turn;
use crate::wire::Mac;
use crate::wire::packet::{self, Ip, Unreachable};

/// As Lima's daemon.
const IDLE: Duration = Duration::from_secs(90);

/// Datagrams that one flow may hand on at once.
const BURST: usize = 64;

/// Peers of all UDP forwards at once.
const PEERS: usize = 1024;

/// The ends of a flow, as the guest sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ends {
    /// The guest's.
    pub guest: SocketAddrV4,
    /// The other's.
    pub remote: SocketAddrV4,
}

#[derive(Debug)]
struct Flow {
    socket: UdpSocket,
    mac: Mac,
}

/// Somebody on the host who talks to a guest through a forward.
#[derive(Debug)]
struct Peer {
    forward: usize,
    address: SocketAddr,
    used: Duration,
}

/// All UDP flows.
#[derive(Debug)]
pub struct Udp {
    flows: Flows<Ends, Flow>,
    /// By the gateway's port that stands for them.
    peers: HashMap<u16, Peer>,
    ports: HashMap<(usize, SocketAddr), u16>,
    next_port: u16,
    buffer: Vec<u8>,
}

impl Udp {
    /// None yet.
    pub fn new() -> Self {
        Self {
            flows: Flows::new(IDLE),
            peers: HashMap::new(),
            ports: HashMap::new(),
            next_port: 0,
            buffer: vec![0; usize::from(u16::MAX)],
        }
    }

    /// Sends a guest's datagram on. `packet` is the whole IP packet; of all sockets `free` are left.
    /// `false`: it needs one, and there is none.
    pub fn arrive(
        &mut self,
        turn: &mut Turn<'_>,
        origin: Origin,
        ends: Ends,
        packet: &[u8],
        free: usize,
    ) -> bool {
        let Some(data) = payload(packet) else { return true };
        let now = turn.clock.now();
        let sent = match self.flows.find(&ends, now) {
            Some(entry) => {
                if !turn.belongs(Some(entry.port), entry.flow.mac, origin) {
                    return true;
                }
                entry.flow.mac = origin.mac;
                entry.flow.socket.send(data)
            }
            None if !turn.network.reach.permits(*ends.remote.ip()) => {
                turn.unreachable(origin.mac, Unreachable::Prohibited, packet);
                return true;
            }
            None => {
                if !self.flows.make_room(origin.port, free) {
                    return false;
                }
                self.open(turn, origin, ends, data)
            }
        };
        if let Err(error) = sent
            && let Some(why) = unreachable(&error)
        {
            turn.unreachable(origin.mac, why, packet);
        }
        true
    }

    fn open(
        &mut self,
        turn: &mut Turn<'_>,
        origin: Origin,
        ends: Ends,
        data: &[u8],
    ) -> io::Result<usize> {
        let host = *ends.remote.ip() == turn.network.gateway();
        let to = if host { Ipv4Addr::LOCALHOST } else { *ends.remote.ip() };
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.set_nonblocking(true)?;
        socket.connect((to, ends.remote.port()))?;
        let token = token::udp(self.flows.next_slot());
        turn.registry.register(&mut SourceFd(&socket.as_raw_fd()), token, Interest::READABLE)?;
        let sent = socket.send(data);
        let flow = Flow { socket, mac: origin.mac };
        self.flows.add(origin.port, ends, flow, turn.clock.now());
        sent
    }

    /// A flow's socket has something: answers for the guest, or the news that nobody listens.
    pub fn event(&mut self, turn: &mut Turn<'_>, slot: usize) {
        let now = turn.clock.now();
        let Some(entry) = self.flows.at(slot, now) else { return };
        let (ends, mac) = (entry.key, entry.flow.mac);
        for _ in 0..BURST {
            match entry.flow.socket.recv(&mut self.buffer) {
                Ok(count) => answer(turn, mac, ends, &self.buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    if let Some(why) = unreachable(&error) {
                        turn.unreachable(mac, why, &question(ends));
                    }
                }
            }
        }
        // Edges come once: what is left is asked for again by registering anew.
        let fd = entry.flow.socket.as_raw_fd();
        let _ = turn.registry.reregister(&mut SourceFd(&fd), token::udp(slot), Interest::READABLE);
    }

    /// The gateway's port that stands for a peer of a forward, so that the guest can answer. When
    /// there are too many, the one that was silent longest gives way.
    pub fn peer_port(&mut self, forward: usize, address: SocketAddr, now: Duration) -> u16 {
        if let Some(port) = self.ports.get(&(forward, address)).copied() {
            self.peer_used(port, now);
            return port;
        }
        if self.peers.len() >= PEERS {
            let silent = self.peers.iter().min_by_key(|(_, peer)| peer.used).map(|(port, _)| *port);
            silent.into_iter().for_each(|port| self.forget_peer(port));
        }
        loop {
            self.next_port = self.next_port.wrapping_add(1) | 0xc000;
            if !self.peers.contains_key(&self.next_port) {
                break;
            }
        }
        self.peers.insert(self.next_port, Peer { forward, address, used: now });
        self.ports.insert((forward, address), self.next_port);
        self.next_port
    }

    /// For whom this port of the gateway stands: a forward and its peer.
    pub fn peer(&self, port: u16) -> Option<(usize, SocketAddr)> {
        self.peers.get(&port).map(|peer| (peer.forward, peer.address))
    }

    /// The peer is still talked to.
    pub fn peer_used(&mut self, port: u16, now: Duration) {
        self.peers.get_mut(&port).into_iter().for_each(|peer| peer.used = now);
    }

    fn forget_peer(&mut self, port: u16) {
        if let Some(peer) = self.peers.remove(&port) {
            self.ports.remove(&(peer.forward, peer.address));
        }
    }

    /// A forward is no more: what stands at its place next has other peers.
    pub fn forget_peers(&mut self, forward: usize) {
        self.peers.retain(|_, peer| peer.forward != forward);
        self.ports.retain(|(of, _), _| *of != forward);
    }

    /// A port is no more, and with it what its VM asked for.
    pub fn forget(&mut self, port: PortId) {
        self.flows.forget(port);
    }

    /// Ends those under addresses that are no more the port's.
    pub fn end_of(&mut self, lost: &HashSet<(PortId, Mac)>) {
        self.flows.end_if(|entry| lost.contains(&(entry.port, entry.flow.mac)));
    }

    /// Ends what was not used for long.
    pub fn sweep(&mut self, now: Duration) {
        self.flows.sweep(now);
        self.peers.retain(|_, peer| now.saturating_sub(peer.used) < IDLE);
        self.ports.retain(|_, port| self.peers.contains_key(port));
    }

    /// How many sockets there are.
    pub fn len(&self) -> usize {
        self.flows.len()
    }

    /// Whose they are.
    pub fn flows(&mut self) -> &mut dyn Sockets {
        &mut self.flows
    }

    /// Whether there is nothing that could end.
    pub fn is_idle(&self) -> bool {
        self.flows.len() == 0 && self.peers.is_empty()
    }
}

/// Sends a datagram to a guest.
pub fn answer(turn: &mut Turn<'_>, mac: Mac, ends: Ends, data: &[u8]) {
    let (from, to) =
        ((*ends.remote.ip(), ends.remote.port()), (*ends.guest.ip(), ends.guest.port()));
    let datagram = packet::udp(from, to, data);
    turn.send_ip(mac, Ip { from: from.0, to: to.0, protocol: IpProtocol::Udp }, &datagram);
}

/// What is inside a UDP packet.
pub fn payload(packet: &[u8]) -> Option<&[u8]> {
    let ip = Ipv4Packet::new_checked(packet).ok()?;
    let header = usize::from(ip.header_len());
    let whole = packet.get(header..usize::from(ip.total_len()))?;
    let length = usize::from(UdpPacket::new_checked(whole).ok()?.len());
    whole.get(8..length)
}

/// The start of a packet that the guest sent, as an ICMP error repeats it.
fn question(ends: Ends) -> Vec<u8> {
    let udp = packet::udp(
        (*ends.guest.ip(), ends.guest.port()),
        (*ends.remote.ip(), ends.remote.port()),
        &[],
    );
    let ip = Ip { from: *ends.guest.ip(), to: *ends.remote.ip(), protocol: IpProtocol::Udp };
    let link = packet::Link { to: Mac::GATEWAY, mtu: 1500, ident: 0 };
    let mut out = Vec::new();
    packet::ip(&mut out, link, ip, &udp);
    out.split_off(crate::wire::frames::PREFIX + crate::wire::frames::ETHERNET)
}

fn unreachable(error: &io::Error) -> Option<Unreachable> {
    use rustix::io::Errno;
    Some(match Errno::from_io_error(error)? {
        Errno::CONNREFUSED => Unreachable::Port,
        Errno::HOSTUNREACH | Errno::HOSTDOWN => Unreachable::Host,
        Errno::NETUNREACH | Errno::NETDOWN => Unreachable::Network,
        Errno::ACCESS | Errno::PERM => Unreachable::Prohibited,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_peers_the_most_silent_gives_way() {
        let mut udp = Udp::new();
        let at = |n: usize| SocketAddr::from(([127, 0, 0, 1], u16::try_from(n).unwrap()));
        let seconds = |n| Duration::from_secs(u64::try_from(n).unwrap());
        let ports: Vec<_> = (0..PEERS).map(|n| udp.peer_port(0, at(n), seconds(n))).collect();
        udp.peer_used(ports[0], seconds(PEERS));
        let one_more = udp.peer_port(0, at(PEERS), seconds(PEERS));
        assert_eq!(udp.peer(one_more), Some((0, at(PEERS))));
        assert_eq!((udp.peer(ports[0]), udp.peer(ports[1])), (Some((0, at(0))), None));
        assert_eq!((udp.peers.len(), udp.ports.len()), (PEERS, PEERS));
        udp.forget_peers(0);
        assert!(udp.is_idle() && udp.ports.is_empty());
    }
}
