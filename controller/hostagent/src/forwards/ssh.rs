//! Forwards that the SSH connection carries.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;

use super::forward::{Forward, GuestEnd, HostEnd};
use super::socket::make_room;
use crate::ssh::{Direction, Session, forward_end, forward_path};

/// Asks the control master for forwards.
#[derive(Clone, Debug)]
pub(super) struct SshForwards {
    session: Session,
}

impl SshForwards {
    pub(super) fn new(session: Session) -> Self {
        Self { session }
    }

    /// Which master there is; forwards end with it. `None` without one.
    pub(super) fn master(&self) -> Option<u64> {
        let socket = self.session.socket();
        let inode = fs::symlink_metadata(socket).ok()?.ino();
        // One that was killed leaves its socket.
        UnixStream::connect(socket).ok().map(|_| inode)
    }

    /// Sets one up.
    ///
    /// # Errors
    /// There is no master, or it refuses, or the guest does; or the socket is taken.
    pub(super) async fn start(&self, forward: &Forward) -> io::Result<()> {
        match (&forward.guest, &forward.host, forward.reverse) {
            (GuestEnd::Socket(guest), _, true) => self.session.remove_file(guest).await?,
            (_, HostEnd::Socket(host), false) => {
                // A master that outlived its host agent may still have it, and would keep what is
                // removed now for good.
                self.stop(forward).await;
                make_room(host)?;
            }
            _ => {}
        }
        let (direction, from, to) = ends(forward);
        self.session.forward(direction, &from, &to).await
    }

    /// Takes one away.
    pub(super) async fn stop(&self, forward: &Forward) {
        let (direction, from, to) = ends(forward);
        self.session.cancel_forward(direction, &from, &to).await;
        if let (HostEnd::Socket(host), false) = (&forward.host, forward.reverse) {
            // ssh leaves it; what is no socket, or somebody else's, is not touched.
            let _ = make_room(host);
        }
    }
}

/// Which way, who listens, and where that leads to.
fn ends(forward: &Forward) -> (Direction, String, String) {
    let host = match &forward.host {
        HostEnd::Address(address) => forward_end(*address),
        HostEnd::Socket(path) => forward_path(path),
    };
    let guest = match &forward.guest {
        GuestEnd::Address(address) => forward_end(*address),
        GuestEnd::Socket(path) => forward_path(path),
    };
    if forward.reverse {
        (Direction::FromGuest, guest, host)
    } else {
        (Direction::FromHost, host, guest)
    }
}
