//! The host's side of a connection: a socket that never blocks.

use std::io;
use std::net::SocketAddrV4;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown, sockopt};

/// A connected stream socket, or one that is about to be.
#[derive(Debug)]
pub struct Host {
    socket: OwnedFd,
    /// There may be something to read.
    pub readable: bool,
    /// There may be room to write.
    pub writable: bool,
    /// The peer sent its last byte, maybe before some that were not read yet.
    pub hung_up: bool,
    /// Its last byte was read.
    pub ended: bool,
    /// It was told that no more comes.
    pub shut: bool,
}

impl Host {
    /// Begins to connect.
    ///
    /// # Errors
    /// What the host says at once: refused, unreachable, or out of descriptors.
    pub fn connect(to: SocketAddrV4) -> io::Result<Self> {
        let stream = std::net::TcpStream::from(mio::net::TcpStream::connect(to.into())?);
        // A small write of the guest is not to wait for the answer to the one before.
        let _ = stream.set_nodelay(true);
        Ok(Self::new(stream.into()))
    }

    /// A stream socket that doesn't block.
    pub fn new(socket: OwnedFd) -> Self {
        let (readable, writable) = (true, true);
        Self { socket, readable, writable, hung_up: false, ended: false, shut: false }
    }

    /// Has the poll tell what happens.
    ///
    /// # Errors
    /// The operating system has no memory for it.
    pub fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut SourceFd(&self.socket.as_raw_fd()), token, interest)
    }

    /// What came of connecting; `None` if that isn't known yet.
    pub fn connected(&self) -> Option<io::Result<()>> {
        match sockopt::socket_error(&self.socket) {
            Ok(Err(error)) => Some(Err(error.into())),
            Err(error) => Some(Err(error.into())),
            Ok(Ok(())) => match rustix::net::getpeername(&self.socket) {
                Err(Errno::NOTCONN | Errno::INVAL) => None,
                other => Some(other.map(drop).map_err(io::Error::from)),
            },
        }
    }

    /// Reads what there is. `Some(0)`: the end; `None`: nothing yet.
    ///
    /// # Errors
    /// The peer reset the connection, or it was lost.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match recv(self.socket.as_fd(), &mut *buffer, RecvFlags::DONTWAIT) {
            Ok((0, _)) => {
                self.ended = true;
                self.readable = false;
                Ok(Some(0))
            }
            Ok((count, _)) => {
                // epoll(7): a short read is the last, unless the end came with it.
                self.readable = count == buffer.len() || self.hung_up;
                Ok(Some(count))
            }
            Err(Errno::AGAIN) => {
                self.readable = false;
                Ok(None)
            }
            Err(Errno::INTR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes what there is room for.
    ///
    /// # Errors
    /// The peer reset the connection, or it was lost.
    pub fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match send(self.socket.as_fd(), data, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(count) => {
                self.writable = count == data.len();
                Ok(count)
            }
            Err(Errno::AGAIN | Errno::NOBUFS) => {
                self.writable = false;
                Ok(0)
            }
            Err(Errno::INTR) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Tells the peer that no more comes.
    pub fn shut(&mut self) {
        self.shut = true;
        // A peer that is gone is noticed at the next read.
        let _ = shutdown(&self.socket, Shutdown::Write);
    }

    /// Closes with a reset: the peer is not to take what it got for all there was.
    pub fn reset(self) {
        // Sockets that know no reset are closed.
        let _ = sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO));
    }
}
