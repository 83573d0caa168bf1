//! The host's end of a tunnel's forward, open.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::forward::{Forward, GuestEnd, HostEnd};
use super::socket::HostSocket;
use super::tunnels::Tunnels;
use super::{GuestProtocol, stream, udp};

/// Somebody listens on the host, until this is dropped. Connections that were made live on: what
/// they lead to decides about their end.
#[derive(Debug)]
pub(super) struct Listening {
    task: JoinHandle<()>,
    target: watch::Sender<SocketAddr>,
    /// Held for its end.
    _socket: Option<HostSocket>,
}

impl Listening {
    /// Begins to listen.
    ///
    /// # Errors
    /// The port or the socket is taken or not allowed, or the socket can't be made.
    pub(super) async fn open(forward: &Forward, tunnels: &Tunnels) -> io::Result<Self> {
        let GuestEnd::Address(target) = forward.guest else {
            return Err(io::Error::other("a socket of the guest is reached by SSH"));
        };
        let (target, tunnels, sees) = {
            let (sender, sees) = watch::channel(target);
            (sender, tunnels.clone(), sees)
        };
        let (task, socket) = match (&forward.host, forward.protocol) {
            (HostEnd::Address(host), GuestProtocol::Tcp) => {
                let listener = TcpListener::bind(host).await?;
                (tokio::spawn(stream::tcp(listener, sees, tunnels)), None)
            }
            (HostEnd::Address(host), GuestProtocol::Udp) => {
                let socket = UdpSocket::bind(host).await?;
                (tokio::spawn(udp::udp(socket, sees, tunnels)), None)
            }
            (HostEnd::Socket(path), GuestProtocol::Tcp) => {
                let (listener, socket) = HostSocket::bind(path)?;
                (tokio::spawn(stream::unix(listener, sees, tunnels)), Some(socket))
            }
            (HostEnd::Socket(_), GuestProtocol::Udp) => {
                return Err(io::Error::other("a UDP port can't lead to a socket"));
            }
        };
        Ok(Self { task, target, _socket: socket })
    }

    /// Leads to another address of the guest from the next connection on.
    pub(super) fn retarget(&self, guest: &GuestEnd) {
        if let GuestEnd::Address(address) = guest {
            self.target.send_replace(*address);
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}
