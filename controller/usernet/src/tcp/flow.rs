//! One connection: smoltcp's TCP towards the guest, a socket towards the host, and what flows
//! between.
//!
//! Each connection has an interface of its own with one socket in it. smoltcp looks through all
//! sockets of an interface for every packet, so that ten thousand in one reach 0.2 Gbit/s; with
//! one each, the table of connections is ours, and smoltcp's part takes a fortieth of a second
//! per gigabit. The interface has the address that the guest talks to.

use std::io;
use std::net::SocketAddrV4;
use std::time::Duration;

use smoltcp::iface::{
    Config, Interface, PollIngressSingleResult, PollResult, SocketHandle, SocketSet,
};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::wire::{HardwareAddress, IpCidr};

use super::buffers::Share;
use super::device::Device;
use super::{Host, Key, Outgoing};
use crate::clock::Clock;
use crate::switch::Switch;
use crate::wire::Mac;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(15);

/// How long a guest may be silent when asked.
const SILENCE: Duration = Duration::from_secs(30 * 60);

/// When an idle guest is asked whether it still knows of the connection.
const ASK: Duration = Duration::from_secs(10 * 60);

/// Bytes that are moved before others have their turn.
const TURN: usize = 512 << 10;

/// An open connection.
pub struct Flow {
    interface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
    /// The host's side.
    pub host: Host,
    /// Its buffers' size.
    pub share: Share,
    /// The guest answered the handshake.
    pub open: bool,
}

/// What is to be done with a connection after its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing until something happens.
    Wait,
    /// There is more to do at once.
    Again,
    /// Both sides are done.
    Close,
    /// It broke: the host's side is to be reset.
    Reset,
}

/// Less than this waits for the end of the turn, and goes out with what else there is.
const SMALL: usize = 4096;

/// Where a connection's frames go in this turn.
pub struct Exit<'a> {
    /// Now.
    pub clock: Clock,
    /// Frames to the guest.
    pub out: &'a mut Outgoing,
    /// The guest.
    pub to: Mac,
    /// The longest packet.
    pub mtu: usize,
    /// Behind which the guest is.
    pub switch: &'a mut Switch,
}

impl Exit<'_> {
    fn device<'a>(&'a mut self, incoming: &'a [&'a [u8]]) -> Device<'a> {
        let (to, mtu, blocked) = (self.to, self.mtu, !self.is_free());
        Device { incoming, out: self.out, to, mtu, blocked }
    }

    /// Whether the guest's port takes frames.
    fn is_free(&self) -> bool {
        !self.switch.busy(self.to)
    }

    fn flush(&mut self) {
        let stream = self.out.take();
        if stream.is_empty() {
            return;
        }
        if stream.len() < SMALL {
            self.switch.queue(self.to, stream);
        } else {
            self.switch.send_to(self.to, stream);
        }
    }
}

impl Flow {
    /// A connection that the guest asked for and the host accepted: the guest's first segment is
    /// still to be handed in.
    pub fn accept(key: Key, host: Host, share: Share, exit: &mut Exit<'_>) -> Self {
        let mut flow = Self::new(key, host, share, exit);
        // The port is the segment's, and the socket is fresh.
        let _ = flow.socket().listen((key.remote.ip().octets(), key.remote.port()).into_endpoint());
        flow
    }

    /// A connection to the guest.
    pub fn dial(key: Key, host: Host, share: Share, exit: &mut Exit<'_>) -> Self {
        let mut flow = Self::new(key, host, share, exit);
        let socket = flow.sockets.get_mut::<Socket>(flow.socket);
        // Fails for port 0 only, which the caller refused.
        let _ = socket.connect(flow.interface.context(), key.guest, key.remote);
        flow
    }

    fn new(key: Key, host: Host, share: Share, exit: &mut Exit<'_>) -> Self {
        let buffer = || SocketBuffer::new(vec![0; share.bytes()]);
        let mut socket = Socket::new(buffer(), buffer());
        socket.set_nagle_enabled(false);
        // What came together is acknowledged together: that is delay enough.
        socket.set_ack_delay(None);
        socket.set_timeout(Some(smol(HANDSHAKE)));
        // Counts from the handshake on. Set later, it would have smoltcp ask at once, with a byte
        // of nothing (its `Timer::set_keep_alive` is due at time 0).
        socket.set_keep_alive(Some(smol(ASK)));
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = exit.clock.random();
        let now = exit.clock.smol();
        let mut interface = Interface::new(config, &mut exit.device(&[]), now);
        interface.update_ip_addrs(|addresses| {
            // The first of two that there is room for.
            let _ = addresses.push(IpCidr::new((*key.remote.ip()).into(), 0));
        });
        let mut sockets = SocketSet::new(Vec::with_capacity(1));
        let socket = sockets.add(socket);
        Self { interface, sockets, socket, host, share, open: false }
    }

    fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.socket)
    }

    /// Takes what came from the guest, moves what can be moved, and sends what is to be sent.
    pub fn turn(&mut self, incoming: &[&[u8]], exit: &mut Exit<'_>) -> Next {
        let mut rest = incoming;
        let mut moved = 0;
        loop {
            rest = &rest[self.hear(rest, exit)..];
            self.note_open();
            let step = self.move_up().and_then(|up| Ok((up, self.move_down()?)));
            let Ok((up, down)) = step else { return self.fail(exit) };
            moved += up + down;
            let sent = self.speak(exit);
            exit.flush();
            if let Some(next) = self.ended() {
                return next;
            }
            let more = !rest.is_empty() || up + down > 0 || sent == PollResult::SocketStateChanged;
            if !more || !exit.is_free() {
                // Not even room for acknowledgements: the guest sends the rest again.
                return Next::Wait;
            }
            if moved >= TURN && rest.is_empty() {
                return Next::Again;
            }
        }
    }

    /// When it needs a turn though nothing happened; `None` if never.
    pub fn due(&mut self, clock: Clock) -> Option<Duration> {
        let at = self.interface.poll_at(clock.smol(), &self.sockets)?;
        Some(Duration::from_micros(u64::try_from(at.total_micros()).unwrap_or(0)))
    }

    /// Tells the guest that the connection is no more.
    pub fn abort(&mut self, exit: &mut Exit<'_>) {
        self.socket().abort();
        self.speak(exit);
        exit.flush();
    }

    /// Takes segments in as long as there is room for answers; returns how many.
    fn hear(&mut self, incoming: &[&[u8]], exit: &mut Exit<'_>) -> usize {
        let now = exit.clock.smol();
        let mut device = exit.device(incoming);
        while !device.incoming.is_empty() {
            let heard = self.interface.poll_ingress_single(now, &mut device, &mut self.sockets);
            if matches!(heard, PollIngressSingleResult::None) {
                break;
            }
        }
        incoming.len() - device.incoming.len()
    }

    fn speak(&mut self, exit: &mut Exit<'_>) -> PollResult {
        let now = exit.clock.smol();
        let mut device = exit.device(&[]);
        let mut all = PollResult::None;
        while self.interface.poll_egress(now, &mut device, &mut self.sockets)
            == PollResult::SocketStateChanged
        {
            all = PollResult::SocketStateChanged;
        }
        all
    }

    fn note_open(&mut self) {
        if self.open {
            return;
        }
        let socket = self.socket();
        let before = [State::Closed, State::Listen, State::SynReceived, State::SynSent];
        if !before.contains(&socket.state()) {
            socket.set_timeout(Some(smol(SILENCE)));
            self.open = true;
        }
    }

    /// The guest's bytes to the host; returns how many.
    fn move_up(&mut self) -> io::Result<usize> {
        let (socket, host) = (self.sockets.get_mut::<Socket>(self.socket), &mut self.host);
        let mut moved = 0;
        while host.writable && socket.can_recv() {
            let write = |data: &mut [u8]| match host.write(data) {
                Ok(count) => (count, Ok(count)),
                Err(error) => (0, Err(error)),
            };
            moved += socket.recv(write).map_err(io::Error::other)??;
        }
        let done = matches!(
            socket.state(),
            State::CloseWait | State::LastAck | State::Closing | State::TimeWait
        );
        if done && !socket.can_recv() && !host.shut {
            host.shut();
        }
        Ok(moved)
    }

    /// The host's bytes to the guest; returns how many.
    fn move_down(&mut self) -> io::Result<usize> {
        let (socket, host) = (self.sockets.get_mut::<Socket>(self.socket), &mut self.host);
        let mut moved = 0;
        while self.open && host.readable && socket.can_send() {
            let read = |room: &mut [u8]| match host.read(room) {
                Ok(count) => (count.unwrap_or(0), Ok(count)),
                Err(error) => (0, Err(error)),
            };
            match socket.send(read).map_err(io::Error::other)?? {
                Some(0) => socket.close(),
                Some(count) => moved += count,
                None => break,
            }
        }
        Ok(moved)
    }

    fn fail(&mut self, exit: &mut Exit<'_>) -> Next {
        self.abort(exit);
        Next::Reset
    }

    fn ended(&mut self) -> Option<Next> {
        let both = self.host.ended && self.host.shut;
        match self.socket().state() {
            // Our last word is on its way over a cable that loses nothing.
            State::TimeWait => Some(Next::Close),
            State::Closed if both => Some(Next::Close),
            State::Closed => Some(Next::Reset),
            // A reset of a handshake that was not finished.
            State::Listen => Some(Next::Reset),
            _ => None,
        }
    }
}

fn smol(duration: Duration) -> smoltcp::time::Duration {
    smoltcp::time::Duration::from_micros(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

/// For the listening socket: an address and a port.
trait IntoEndpoint {
    fn into_endpoint(self) -> smoltcp::wire::IpListenEndpoint;
}

impl IntoEndpoint for ([u8; 4], u16) {
    fn into_endpoint(self) -> smoltcp::wire::IpListenEndpoint {
        SocketAddrV4::new(self.0.into(), self.1).into()
    }
}
