//! The host's end of a tunnel's forward, open.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, UdpSocket, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::forward::{Forward, GuestEnd, HostEnd};
use super::tunnels::Tunnels;
use super::{GuestProtocol, stream, udp};

/// Somebody listens on the host, until this is dropped. Connections that were made live on: what
/// they lead to decides about their end.
#[derive(Debug)]
pub(super) struct Listening {
    task: JoinHandle<()>,
    target: watch::Sender<SocketAddr>,
    socket: Option<PathBuf>,
}

impl Listening {
    /// Begins to listen.
    ///
    /// # Errors
    /// The port is taken or not allowed, or the socket can't be made.
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
                let listener = bind(path)?;
                (tokio::spawn(stream::unix(listener, sees, tunnels)), Some(path.clone()))
            }
            (HostEnd::Socket(_), GuestProtocol::Udp) => {
                return Err(io::Error::other("a UDP port can't lead to a socket"));
            }
        };
        Ok(Self { task, target, socket })
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
        if let Some(path) = &self.socket {
            // Nothing can be done about a failure; whoever needs the place replaces a socket.
            let _ = fs::remove_file(path);
        }
    }
}

/// A socket for this user alone.
fn bind(path: &Path) -> io::Result<UnixListener> {
    make_room(path)?;
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Makes the folder, and removes a socket that an earlier host agent left. Anything else that
/// stands there is somebody's.
pub(crate) fn make_room(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o750).create(folder)?;
    }
    match fs::symlink_metadata(path) {
        Ok(file) if file.file_type().is_socket() => fs::remove_file(path),
        Ok(_) => {
            Err(io::Error::new(io::ErrorKind::AlreadyExists, "a file that is no socket is there"))
        }
        Err(_) => Ok(()),
    }
}
