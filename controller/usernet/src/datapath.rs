//! The loop that moves frames: one thread, no locks.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll};
use rustix::io::Errno;
use slab::Slab;

use crate::clock::Clock;
use crate::gateway::{self, Gateway, More};
use crate::mail::{Figures, Mail};
use crate::services::Services;
use crate::switch::{Batch, Kind, PortId, Switch, peer, receive};
use crate::token::{self, Who};
use crate::turn::{Network, Turn};
use crate::wire::frames::{ANNOUNCED, ETHERNET, PREFIX};

/// Bytes read from a VM at once, beside the start of a frame that was left over.
const BATCH: usize = 256 << 10;

/// Clients at once that are about to hand a descriptor over.
const HANDING: usize = 64;

/// How soon after descriptors ran out it is looked whether there are some again.
const RETRY: Duration = Duration::from_secs(1);

/// What the loop listens on.
pub struct Listeners {
    /// For QEMU.
    pub qemu: Option<UnixListener>,
    /// For handed-over descriptors.
    pub handed: Option<UnixListener>,
}

/// The state of the loop.
pub struct Datapath {
    poll: Poll,
    clock: Clock,
    network: Network,
    switch: Switch,
    gateway: Gateway,
    services: Services,
    listeners: Listeners,
    handing: Slab<UnixStream>,
    mail: Receiver<Mail>,
    batch: Batch,
    buffer: Vec<u8>,
    /// Forwards that may have more connections.
    accepting: Vec<usize>,
    /// Forwards that had connections, and no descriptor for them.
    starved: Vec<usize>,
    /// When to try again what no descriptor was there for.
    retry: Option<Duration>,
    stopped: bool,
}

macro_rules! turn {
    ($self:ident, $switch:expr) => {
        Turn {
            clock: $self.clock,
            network: &$self.network,
            switch: $switch,
            registry: $self.poll.registry(),
            services: &$self.services,
        }
    };
    ($self:ident) => {
        turn!($self, &mut $self.switch)
    };
}

impl Datapath {
    /// A loop that has not begun.
    ///
    /// # Errors
    /// The operating system refuses a descriptor.
    pub fn new(
        poll: Poll,
        network: Network,
        switch: Switch,
        gateway: Gateway,
        services: Services,
        listeners: Listeners,
        mail: Receiver<Mail>,
    ) -> io::Result<Self> {
        let all =
            [(&listeners.qemu, token::LISTEN_QEMU), (&listeners.handed, token::LISTEN_HANDED)];
        for (listener, token) in all {
            if let Some(listener) = listener {
                listener.set_nonblocking(true)?;
                let fd = listener.as_raw_fd();
                poll.registry().register(&mut SourceFd(&fd), token, Interest::READABLE)?;
            }
        }
        Ok(Self {
            poll,
            clock: Clock::start(),
            network,
            switch,
            gateway,
            services,
            listeners,
            handing: Slab::new(),
            mail,
            batch: Batch::default(),
            buffer: vec![0; BATCH + PREFIX + ANNOUNCED],
            accepting: Vec::new(),
            starved: Vec::new(),
            retry: None,
            stopped: false,
        })
    }

    /// Runs until it is told to stop.
    ///
    /// # Errors
    /// The operating system's poll fails.
    pub fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        while !self.stopped {
            let patience = self.patience();
            match self.poll.poll(&mut events, patience) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => other?,
            }
            self.clock.look();
            for event in &events {
                self.event(event);
            }
            self.retry();
            self.accept_more();
            self.serve_ports();
            self.gateway.work(&mut turn!(self));
            for port in self.switch.flush() {
                self.unplug(port);
            }
            self.switch.cards().into_iter().for_each(|cards| self.services.keep(cards));
        }
        Ok(())
    }

    /// How long the poll may sleep.
    fn patience(&mut self) -> Option<Duration> {
        let ids = self.switch.ids();
        let busy = self.gateway.tcp.is_ready()
            || !self.accepting.is_empty()
            || ids.iter().any(|&id| self.switch.port(id).is_some_and(|port| port.readable));
        if busy {
            return Some(Duration::ZERO);
        }
        let due = [self.gateway.due(), self.retry].into_iter().flatten().min();
        due.map(|due| due.saturating_sub(self.clock.now()))
    }

    fn event(&mut self, event: &mio::event::Event) {
        match token::who(event.token()) {
            Some(Who::Mail) => self.read_mail(),
            Some(Who::ListenQemu) => self.accept_qemu(),
            Some(Who::ListenHanded) => self.accept_handing(),
            Some(Who::Handing(slot)) => self.take_handed(slot),
            Some(Who::Port(id)) => self.port_event(id, event),
            Some(Who::Tcp(slot)) => self.gateway.tcp.event(&mut turn!(self), slot, event),
            Some(Who::Udp(slot)) => self.gateway.udp_event(&mut turn!(self), slot),
            Some(Who::Ping(slot)) => self.gateway.ping_event(&mut turn!(self), slot),
            Some(Who::Forward(slot)) => self.accepting.push(slot),
            None => {}
        }
    }

    fn port_event(&mut self, id: PortId, event: &mio::event::Event) {
        if let Some(port) = self.switch.port(id) {
            let ending = event.is_read_closed() || event.is_error();
            port.readable |= event.is_readable() || ending;
            port.ending |= ending;
        }
        if event.is_writable() && self.switch.writable(id) {
            self.gateway.tcp.unblocked(id);
        }
    }

    fn accept_more(&mut self) {
        for slot in std::mem::take(&mut self.accepting) {
            match self.gateway.forward_event(&mut turn!(self), slot) {
                More::None => {}
                More::Now => self.accepting.push(slot),
                More::Later => {
                    self.starved.push(slot);
                    self.try_later();
                }
            }
        }
    }

    /// Events come once, and none comes when there is a descriptor again.
    fn try_later(&mut self) {
        if self.retry.is_none() {
            tracing::warn!("there is no descriptor left for a connection: it waits");
        }
        self.retry = Some(self.clock.now() + RETRY);
    }

    fn retry(&mut self) {
        if self.retry.is_none_or(|at| at > self.clock.now()) {
            return;
        }
        self.retry = None;
        self.accepting.append(&mut self.starved);
        self.accept_qemu();
        self.accept_handing();
    }

    /// The next connection to a listener of the network.
    fn accept(&mut self, listener: fn(&Listeners) -> Option<&UnixListener>) -> Option<UnixStream> {
        loop {
            match listener(&self.listeners)?.accept() {
                Ok((stream, _)) => return Some(stream),
                Err(error) => match Errno::from_io_error(&error) {
                    Some(Errno::INTR | Errno::CONNABORTED) => {}
                    error => {
                        if error.map(More::after) != Some(More::None) {
                            self.try_later();
                        }
                        return None;
                    }
                },
            }
        }
    }

    fn accept_qemu(&mut self) {
        while let Some(stream) = self.accept(|listeners| listeners.qemu.as_ref()) {
            let pid = peer(&stream);
            self.plug(stream.into(), Kind::Stream, pid);
        }
    }

    fn accept_handing(&mut self) {
        while let Some(stream) = self.accept(|listeners| listeners.handed.as_ref()) {
            if self.handing.len() >= HANDING {
                continue;
            }
            let token = token::handing(self.handing.vacant_key());
            let fd = stream.as_raw_fd();
            if self.poll.registry().register(&mut SourceFd(&fd), token, Interest::READABLE).is_ok()
            {
                self.handing.insert(stream);
            }
        }
    }

    fn take_handed(&mut self, slot: usize) {
        let Some(stream) = self.handing.get(slot) else { return };
        match receive(stream) {
            Ok(None) => {}
            Ok(Some(socket)) => {
                let pid = peer(stream);
                self.handing.remove(slot);
                self.plug(socket, Kind::Datagram, pid);
            }
            Err(error) => {
                tracing::warn!("a client of the descriptor socket is refused: {error}");
                self.handing.remove(slot);
            }
        }
    }

    fn plug(&mut self, socket: OwnedFd, kind: Kind, pid: Option<u32>) {
        enlarge(&socket);
        let Some(id) = self.switch.add(socket, kind, pid) else {
            tracing::warn!("a VM is refused: the switch has no port left");
            return;
        };
        let Some(fd) = self.switch.port(id).map(|port| port.raw()) else { return };
        let interest = Interest::READABLE | Interest::WRITABLE;
        let token = token::port(id);
        if let Err(error) = self.poll.registry().register(&mut SourceFd(&fd), token, interest) {
            tracing::warn!("a VM is refused: {error}");
            self.switch.remove(id);
        } else {
            tracing::info!("port {id}: a VM is plugged in");
        }
    }

    fn unplug(&mut self, id: PortId) {
        let card = self.switch.kept(id);
        if self.switch.remove(id) {
            tracing::info!("port {id}: a VM is unplugged");
            self.gateway.forget(&mut turn!(self), id, card);
        }
    }

    fn serve_ports(&mut self) {
        for id in self.switch.ids() {
            if self.switch.port(id).is_some_and(|port| port.readable)
                && let Err(error) = self.serve_port(id)
            {
                if error.kind() != io::ErrorKind::UnexpectedEof {
                    tracing::warn!("port {id}: {error}");
                }
                self.unplug(id);
            }
        }
    }

    /// Takes in what one VM sent.
    fn serve_port(&mut self, id: PortId) -> io::Result<()> {
        let Some(port) = self.switch.port(id) else { return Ok(()) };
        let count = port.read(&mut self.buffer)?;
        if count == 0 {
            return Ok(());
        }
        let stream = &self.buffer[..count];
        let longest = self.network.mtu + ETHERNET + 4;
        let gateway = &mut self.gateway;
        let rest = self
            .batch
            .sort(&mut self.switch, id, stream, longest, |switch, range| {
                gateway.arrive(&mut turn!(self, switch), id, stream, range);
            })
            .map_err(io::Error::other)?;
        self.gateway.tcp.deliver(&mut turn!(self), &self.buffer[..count]);
        if let Some(port) = self.switch.port(id) {
            port.keep(&self.buffer[rest..count]);
        }
        Ok(())
    }

    fn read_mail(&mut self) {
        while let Ok(mail) = self.mail.try_recv() {
            match mail {
                Mail::Frames { mac, stream } => self.switch.queue(mac, &stream),
                Mail::Datagram { mac, ends, data } => {
                    gateway::answer(&mut turn!(self), mac, ends, &data);
                }
                Mail::Dial { guest, socket, outcome } => {
                    self.gateway.dial(&mut turn!(self), guest, socket, Some(outcome));
                }
                Mail::Forward(forward) => self.gateway.add_forward(&turn!(self), forward),
                Mail::Unforward(id) => self.gateway.remove_forward(id),
                // Whoever asked may be gone.
                Mail::Leases(to) => drop(to.send(self.gateway.dhcp.leases.all())),
                Mail::Tell { pid, macs, to } => {
                    let told = self.switch.tell(pid, &macs);
                    let told = told.map(|lost| self.gateway.end_of(&mut turn!(self), &lost));
                    drop(to.send(told));
                }
                Mail::Figures(to) => drop(to.send(self.figures())),
                Mail::Stop => self.stopped = true,
            }
        }
    }

    fn figures(&self) -> Figures {
        let stations: BTreeMap<_, _> =
            self.switch.table().map(|(mac, port)| (mac.to_string(), port)).collect();
        Figures {
            ports: self.switch.ids().len(),
            connections: self.gateway.tcp.len(),
            dropped: self.switch.dropped(),
            stations,
        }
    }
}

/// Room in the kernel for a whole batch, as far as it allows; with less it is only slower.
fn enlarge(socket: &OwnedFd) {
    let _ = rustix::net::sockopt::set_socket_send_buffer_size(socket, 1 << 20);
    let _ = rustix::net::sockopt::set_socket_recv_buffer_size(socket, 1 << 20);
}
