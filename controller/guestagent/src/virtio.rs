//! The virtio-serial port, which is quicker than SSH and needs none.
//!
//! A port is one pipe that is always there. Whether the host has it open shows in the poll state
//! (the kernel's virtio_console reports a hang-up while it has not); each time that it opens it,
//! a new connection begins.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::sleep;

use crate::GuestAgent;

/// The names of all ports.
const PORTS: &str = "/sys/class/virtio-ports";

/// Between looks for a host, at first and at most.
const LOOK: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Serves the port for good, if the machine has it.
pub(crate) async fn serve(name: String, agent: GuestAgent) {
    let Some(path) = find(&name) else { return };
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let port = match open(&path, flags, Mode::empty()) {
        Ok(port) => port,
        Err(error) => {
            eprintln!("limekiln-guestagent: cannot open {}: {error}", path.display());
            return;
        }
    };
    loop {
        host(&port).await;
        // Another descriptor each time: the runtime takes a hang-up of one to be for good.
        match port.try_clone().and_then(Port::new) {
            // A host that goes away is its own business.
            Ok(port) => drop(crate::serve(agent.clone(), port).await),
            Err(error) => eprintln!("limekiln-guestagent: {}: {error}", path.display()),
        }
        sleep(LOOK.0).await;
    }
}

/// Where udev is, it also makes links; the kernel's own list is always there.
fn find(name: &str) -> Option<PathBuf> {
    let ports = fs::read_dir(PORTS).ok()?;
    let port = ports.flatten().find(|port| {
        fs::read_to_string(port.path().join("name")).is_ok_and(|text| text.trim() == name)
    })?;
    Some(Path::new("/dev").join(port.file_name()))
}

/// Returns when the host has the port open.
async fn host(port: &OwnedFd) {
    let mut pause = LOOK.0;
    loop {
        let mut polled = [PollFd::new(port, PollFlags::IN)];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        if poll(&mut polled, Some(&at_once)).is_ok()
            && !polled[0].revents().contains(PollFlags::HUP)
        {
            return;
        }
        sleep(pause).await;
        pause = (pause * 2).min(LOOK.1);
    }
}

/// A port that the host has open.
struct Port(AsyncFd<OwnedFd>);

impl Port {
    #[expect(
        deprecated,
        reason = "tokio deprecates it for types that may lend another descriptor each time; \
                  OwnedFd never does, and what replaces it is unsafe to call"
    )]
    fn new(port: OwnedFd) -> io::Result<Self> {
        Ok(Self(AsyncFd::new(port)?))
    }
}

impl AsyncRead for Port {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.0.poll_read_ready(context))?;
            let room = buffer.initialize_unfilled();
            if let Ok(read) = guard.try_io(|port| Ok(rustix::io::read(port, room)?)) {
                // Nothing means that the host has closed it.
                buffer.advance(read?);
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncWrite for Port {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.0.poll_write_ready(context))?;
            if let Ok(written) = guard.try_io(|port| Ok(rustix::io::write(port, bytes)?)) {
                return Poll::Ready(written);
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
