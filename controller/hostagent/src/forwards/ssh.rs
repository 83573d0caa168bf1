//! Forwards that the SSH connection carries.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::forward::{Forward, GuestEnd, HostEnd};
use super::socket::make_room;
use crate::ssh::{Direction, Session, forward_end, forward_path};

/// Which control master there is: device, inode, and when its socket was made. An inode alone is
/// that of the next file as soon as this one is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Master(u64, u64, (i64, i64));

impl Master {
    /// Who answers at a socket; one that was killed leaves its socket.
    fn at(socket: &Path) -> Option<Self> {
        let file = fs::symlink_metadata(socket).ok()?;
        UnixStream::connect(socket).ok()?;
        Some(Self(file.dev(), file.ino(), (file.ctime(), file.ctime_nsec())))
    }
}

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
    pub(super) fn master(&self) -> Option<Master> {
        Master::at(self.session.socket())
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

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_master_that_took_the_place_of_another_is_another() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("ssh.sock");
        assert_eq!(Master::at(&socket), None);
        let mut before = None;
        // Also where the file system gives the new file the number of the old one.
        for _ in 0..3 {
            let _listener = UnixListener::bind(&socket).unwrap();
            let master = Master::at(&socket);
            assert!(master.is_some() && master == Master::at(&socket));
            assert_ne!(master, before);
            before = master;
            // Longer than a tick of the clock by which files are dated.
            std::thread::sleep(Duration::from_millis(20));
            fs::remove_file(&socket).unwrap();
        }
        let left = UnixListener::bind(&socket).unwrap();
        drop(left);
        assert_eq!(Master::at(&socket), None, "nobody answers");
    }
}
