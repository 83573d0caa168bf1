//! One VM's end of the cable.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, sendmsg};

use super::{Pool, Queue};
use crate::wire::Mac;
use crate::wire::frames::{LONGEST, PREFIX};

/// How a socket marks where a frame ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A length before each frame: QEMU and what is compatible with it.
    Stream,
    /// A datagram for each frame: macOS's virtualization framework.
    Datagram,
}

/// Frames read from a datagram socket at once, so that others get their turn.
const DATAGRAMS: usize = 128;

/// A VM's network card.
#[derive(Debug)]
pub struct Port {
    socket: OwnedFd,
    kind: Kind,
    /// The start of a frame whose end has not come yet.
    begun: Vec<u8>,
    pub(super) queue: Queue,
    /// The process of its VM, where the system tells it.
    pub(super) pid: Option<u32>,
    /// What it is known to have as its card's own address; if nothing, whatever it uses first.
    pub(super) known: Vec<Mac>,
    /// Whoever started its VM told what it has: then there is nothing else.
    pub(super) bound: bool,
    /// Hardware addresses seen behind it, the oldest first.
    pub(super) stations: VecDeque<Mac>,
    /// The first of them that it may have: the card's own, which firmware and kernels use before
    /// anything else.
    pub(super) home: Option<Mac>,
    /// Frames that it was too slow for.
    pub(super) dropped: u64,
    /// Whether it is in the switch's list of ports with something to send.
    pub(super) dirty: bool,
    /// Its log says that it used another's address.
    pub(super) told: bool,
    /// Its peer takes nothing now.
    pub(super) blocked: bool,
    /// There may be something to read.
    pub readable: bool,
    /// Its peer has hung up; what it sent before may still be there.
    pub ending: bool,
}

impl Port {
    pub(super) fn new(socket: OwnedFd, kind: Kind, pid: Option<u32>, known: Vec<Mac>) -> Self {
        Self {
            socket,
            kind,
            pid,
            known,
            bound: false,
            begun: Vec::new(),
            queue: Queue::default(),
            stations: VecDeque::new(),
            home: None,
            dropped: 0,
            dirty: false,
            told: false,
            blocked: false,
            readable: true,
            ending: false,
        }
    }

    /// For registering with the poll.
    pub fn raw(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Fills the buffer from its start with frames, each with its length before it; returns how
    /// many bytes there are. What is left over after the last whole frame is to be given to
    /// [`Port::keep`]. Clears `readable` when there was no more.
    ///
    /// # Errors
    /// The peer is gone.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.kind {
            Kind::Stream => self.read_stream(buffer),
            Kind::Datagram => self.read_datagrams(buffer),
        }
    }

    fn read_stream(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let kept = self.begun.len();
        buffer[..kept].copy_from_slice(&self.begun);
        match recv(self.fd(), &mut buffer[kept..], RecvFlags::DONTWAIT) {
            Ok((0, _)) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok((count, _)) => {
                self.begun.clear();
                Ok(kept + count)
            }
            Err(Errno::AGAIN | Errno::INTR) => {
                self.readable = false;
                Ok(0)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn read_datagrams(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut at = 0;
        for _ in 0..DATAGRAMS {
            if buffer.len() - at < PREFIX + LONGEST {
                break;
            }
            let room = &mut buffer[at + PREFIX..at + PREFIX + LONGEST];
            match recv(self.fd(), room, RecvFlags::DONTWAIT) {
                Ok((count, _)) => {
                    let length = u32::try_from(count).unwrap_or(0).to_be_bytes();
                    buffer[at..at + PREFIX].copy_from_slice(&length);
                    at += PREFIX + count;
                }
                Err(Errno::AGAIN | Errno::INTR) => {
                    self.readable = false;
                    break;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(at)
    }

    /// Keeps the start of a frame for the next read.
    pub fn keep(&mut self, begun: &[u8]) {
        self.begun.extend_from_slice(begun);
    }

    /// Sends streams of whole frames behind what waits. What the peer doesn't take waits, as long as
    /// there is room; the rest is dropped.
    pub(super) fn send(&mut self, pool: &mut Pool, streams: &[IoSlice<'_>]) -> io::Result<()> {
        let mut taken = 0;
        if self.kind == Kind::Stream && self.queue.is_empty() {
            taken = match self.hand_over(streams) {
                Ok(count) => count,
                Err(Errno::AGAIN | Errno::INTR | Errno::NOBUFS) => 0,
                Err(error) => return Err(error.into()),
            };
        }
        for stream in streams {
            if taken >= stream.len() {
                taken -= stream.len();
            } else {
                self.dropped += self.queue.add(pool, stream, std::mem::take(&mut taken));
            }
        }
        if self.kind == Kind::Datagram {
            return self.flush(pool);
        }
        self.blocked = !self.queue.is_empty();
        Ok(())
    }

    fn hand_over(&self, streams: &[IoSlice<'_>]) -> rustix::io::Result<usize> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        sendmsg(self.fd(), streams, &mut SendAncillaryBuffer::default(), flags)
    }

    /// Sends what waits, as far as the peer takes it.
    pub(super) fn flush(&mut self, pool: &mut Pool) -> io::Result<()> {
        while !self.queue.is_empty() {
            let sent = match self.kind {
                Kind::Stream => self.hand_over(&self.queue.waiting().map(IoSlice::new)),
                Kind::Datagram => {
                    let Some(frame) = self.queue.first() else { break };
                    // The datagram is sent whole or not at all.
                    let length = PREFIX + frame[0].len() + frame[1].len();
                    self.hand_over(&frame.map(IoSlice::new)).map(|_| length)
                }
            };
            match sent {
                Ok(count) => self.queue.take(pool, count),
                Err(Errno::AGAIN | Errno::INTR | Errno::NOBUFS) => break,
                // Longer than the peer's buffer: no later try helps.
                Err(Errno::MSGSIZE) => self.skip(pool),
                Err(error) => return Err(error.into()),
            }
        }
        self.blocked = !self.queue.is_empty();
        Ok(())
    }

    fn skip(&mut self, pool: &mut Pool) {
        let length = self.queue.first_length().map_or(usize::MAX, |length| PREFIX + length);
        self.queue.take(pool, length.min(self.queue.len()));
        self.dropped += 1;
    }
}
