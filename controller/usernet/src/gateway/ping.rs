//! Echo requests: the gateway answers for itself, and asks others through the host's own sockets
//! for that, which need no privilege (Linux: if `net.ipv4.ping_group_range` has one's group).

use std::collections::HashSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use mio::Interest;
use mio::unix::SourceFd;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, ipproto};
use smoltcp::wire::{Icmpv4Message, Icmpv4Packet, IpProtocol, Ipv4Packet};

use super::Origin;
use super::flows::{Flows, Sockets};
use crate::switch::PortId;
use crate::token;
use crate::turn::Turn;
use crate::wire::Mac;
use crate::wire::packet::{Ip, Unreachable};

const IDLE: Duration = Duration::from_secs(30);

/// Answers that one flow may hand on at once.
const BURST: usize = 16;

/// Who asks whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Ends {
    guest: Ipv4Addr,
    remote: Ipv4Addr,
    ident: u16,
}

#[derive(Debug)]
struct Flow {
    socket: OwnedFd,
    mac: Mac,
}

/// All that wait for answers.
#[derive(Debug)]
pub struct Ping {
    flows: Flows<Ends, Flow>,
}

impl Ping {
    /// None yet.
    pub fn new() -> Self {
        Self { flows: Flows::new(IDLE) }
    }

    /// Takes in an ICMP packet of a guest; of all sockets `free` are left. `false`: it needs
    /// one, and there is none.
    pub fn arrive(
        &mut self,
        turn: &mut Turn<'_>,
        origin: Origin,
        packet: &[u8],
        free: usize,
    ) -> bool {
        let Ok(ip) = Ipv4Packet::new_checked(packet) else { return true };
        let Ok(icmp) = Icmpv4Packet::new_checked(ip.payload()) else { return true };
        if icmp.msg_type() != Icmpv4Message::EchoRequest || !icmp.verify_checksum() {
            return true;
        }
        let ends = Ends { guest: ip.src_addr(), remote: ip.dst_addr(), ident: icmp.echo_ident() };
        if ends.remote == turn.network.gateway() {
            reply(turn, origin.mac, ends, ip.payload());
            return true;
        }
        let asked = if turn.network.reach.permits(ends.remote) {
            self.ask(turn, origin, ends, ip.payload(), free)
        } else {
            Err(io::ErrorKind::PermissionDenied.into())
        };
        if asked.is_err() {
            turn.unreachable(origin.mac, Unreachable::Prohibited, packet);
        }
        asked.unwrap_or(true)
    }

    fn ask(
        &mut self,
        turn: &mut Turn<'_>,
        origin: Origin,
        ends: Ends,
        request: &[u8],
        free: usize,
    ) -> io::Result<bool> {
        let now = turn.clock.now();
        if let Some(entry) = self.flows.find(&ends, now) {
            if !turn.belongs(Some(entry.port), entry.flow.mac, origin) {
                return Ok(true);
            }
            entry.flow.mac = origin.mac;
            return send(&entry.flow.socket, request).map(|()| true);
        }
        if !self.flows.make_room(origin.port, free) {
            return Ok(false);
        }
        let socket =
            rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, Some(ipproto::ICMP))?;
        rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
        rustix::net::connect(&socket, &SocketAddrV4::new(ends.remote, 0))?;
        let token = token::ping(self.flows.next_slot());
        turn.registry.register(&mut SourceFd(&socket.as_raw_fd()), token, Interest::READABLE)?;
        send(&socket, request)?;
        self.flows.add(origin.port, ends, Flow { socket, mac: origin.mac }, now);
        Ok(true)
    }

    /// Hands answers to the guest.
    pub fn event(&mut self, turn: &mut Turn<'_>, slot: usize) {
        let now = turn.clock.now();
        let Some(entry) = self.flows.at(slot, now) else { return };
        let (ends, mac) = (entry.key, entry.flow.mac);
        let mut buffer = vec![0; 65_536];
        for _ in 0..BURST {
            let Ok((count, _)) =
                rustix::net::recv(entry.flow.socket.as_fd(), &mut buffer[..], RecvFlags::DONTWAIT)
            else {
                return;
            };
            // macOS hands the IP header on as well.
            let start = if buffer[0] >> 4 == 4 { usize::from(buffer[0] & 15) * 4 } else { 0 };
            if let Some(icmp) = buffer.get(start..count) {
                reply(turn, mac, ends, icmp);
            }
        }
        // Edges come once: what is left is asked for again by registering anew.
        let fd = entry.flow.socket.as_raw_fd();
        let _ = turn.registry.reregister(&mut SourceFd(&fd), token::ping(slot), Interest::READABLE);
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
    }

    /// How many sockets there are.
    pub fn len(&self) -> usize {
        self.flows.len()
    }

    /// Whose they are.
    pub fn flows(&mut self) -> &mut dyn Sockets {
        &mut self.flows
    }

    /// Whether nobody waits.
    pub fn is_idle(&self) -> bool {
        self.flows.len() == 0
    }
}

fn send(socket: &OwnedFd, request: &[u8]) -> io::Result<()> {
    // The host puts in its own identifier and checksum.
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    rustix::net::send(socket, request, flags).map(drop).map_err(io::Error::from)
}

/// Sends a guest the answer with the same content, under the guest's identifier.
fn reply(turn: &mut Turn<'_>, mac: Mac, ends: Ends, icmp: &[u8]) {
    let mut answer = icmp.to_vec();
    let Ok(mut packet) = Icmpv4Packet::new_checked(&mut answer[..]) else { return };
    if !matches!(packet.msg_type(), Icmpv4Message::EchoRequest | Icmpv4Message::EchoReply) {
        return;
    }
    packet.set_msg_type(Icmpv4Message::EchoReply);
    packet.set_echo_ident(ends.ident);
    packet.fill_checksum();
    let ip = Ip { from: ends.remote, to: ends.guest, protocol: IpProtocol::Icmp };
    turn.send_ip(mac, ip, &answer);
}
