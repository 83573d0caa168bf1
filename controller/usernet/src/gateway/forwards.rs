//! Ports of the host that lead to guests.

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use mio::Interest;
use mio::unix::SourceFd;
use rustix::io::Errno;
use slab::Slab;

use crate::token;
use crate::turn::Turn;

/// Connections taken from one listener before others have their turn.
const BURST: usize = 64;

/// Whether there is more to accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// Until the next event there is none.
    None,
    /// There may be; others have their turn first.
    Now,
    /// There is, and no descriptor for it: no event tells when there is one again.
    Later,
}

impl More {
    /// After a failure to accept.
    pub fn after(error: Errno) -> Self {
        if error == Errno::AGAIN { Self::None } else { Self::Later }
    }
}

/// What listens on the host.
#[derive(Debug)]
pub enum Listener {
    /// For connections, TCP or unix.
    Stream(OwnedFd),
    /// For datagrams.
    Datagram(UdpSocket),
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Stream(socket) => socket.as_fd(),
            Self::Datagram(socket) => socket.as_fd(),
        }
    }
}

/// A port of the host, and where it leads.
#[derive(Debug)]
pub struct Forward {
    /// Its number, given by whoever asked for it.
    pub id: u64,
    /// What listens.
    pub listener: Listener,
    /// Where it leads.
    pub guest: SocketAddrV4,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Forwards {
    all: Slab<Forward>,
}

impl Forwards {
    /// Begins to serve one.
    pub fn add(&mut self, turn: &Turn<'_>, forward: Forward) {
        let token = token::forward(self.all.vacant_key());
        let fd = forward.listener.as_fd().as_raw_fd();
        match turn.registry.register(&mut SourceFd(&fd), token, Interest::READABLE) {
            Ok(()) => drop(self.all.insert(forward)),
            Err(error) => tracing::warn!("a port that leads to {} is dead: {error}", forward.guest),
        }
    }

    /// Ends one; returns its place, which the next one may have.
    pub fn remove(&mut self, id: u64) -> Option<usize> {
        let slot = self.all.iter().find(|(_, forward)| forward.id == id)?.0;
        self.all.remove(slot);
        Some(slot)
    }

    /// The one at this place.
    pub fn at(&self, slot: usize) -> Option<&Forward> {
        self.all.get(slot)
    }

    /// Connections that came to a listener, and whether there are more.
    pub fn accept(&self, slot: usize) -> (Vec<OwnedFd>, More) {
        let Some(Forward { listener: Listener::Stream(listener), .. }) = self.all.get(slot) else {
            return (Vec::new(), More::None);
        };
        let mut taken = Vec::new();
        while taken.len() < BURST {
            match rustix::net::accept(listener) {
                Ok(socket) => {
                    let ready = rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)
                        .and_then(|()| rustix::io::ioctl_fionbio(&socket, true));
                    // Unix sockets know no such option.
                    let _ = rustix::net::sockopt::set_tcp_nodelay(&socket, true);
                    if ready.is_ok() {
                        taken.push(socket);
                    }
                }
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                Err(error) => return (taken, More::after(error)),
            }
        }
        (taken, More::Now)
    }
}

/// Where a guest sees a peer of a forward.
pub fn seen(gateway: Ipv4Addr, port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(gateway, port)
}
