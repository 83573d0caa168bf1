//! The virtio-serial port, which is quicker than SSH and needs none.
//!
//! A port is one pipe that is always there. Whether the host has it open shows in the poll state
//! (the kernel's virtio_console reports a hang-up while it has not); each time that it opens it,
//! a new connection begins. The host, however, is not told when an agent dies and another one
//! opens the port: what it says then belongs to a connection that nobody here knows, and it is
//! asked to begin anew.

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
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, copy, join, sink, split,
};
use tokio::time::{sleep, timeout};

use crate::GuestAgent;

/// What a client says first (RFC 9113, 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// What ends a connection (RFC 9113, 6.8): a frame of 8 bytes, type 7, for stream 0, that names
/// no stream which was served, and no error.
const GO_AWAY: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// A host that opened the port has spoken already, or does so at once.
const FIRST_WORDS: Duration = Duration::from_millis(300);
/// A host that is asked to begin anew hangs up so soon.
const HANG_UP: Duration = Duration::from_secs(2);

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
        if let Err(error) = connection(&port, &agent).await {
            eprintln!("limekiln-guestagent: {}: {error}", path.display());
        }
        sleep(LOOK.0).await;
    }
}

/// One connection, from the host's first words to its hang-up.
async fn connection(port: &OwnedFd, agent: &GuestAgent) -> io::Result<()> {
    // Another descriptor each time: the runtime takes a hang-up of one to be for good.
    let mut port = Port::new(port.try_clone()?)?;
    match timeout(FIRST_WORDS, first_words(&mut port)).await {
        Ok(Ok(words)) => {
            let (reader, writer) = split(port);
            let stream = join(io::Cursor::new(words).chain(reader), writer);
            // A host that goes away is its own business.
            let _ = crate::serve(agent.clone(), stream).await;
            Ok(())
        }
        Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
        // Something else, or nothing, as in the middle of a connection.
        _ => {
            port.write_all(&GO_AWAY).await?;
            let mut nowhere = sink();
            let drain = copy(&mut port, &mut nowhere);
            let _ = timeout(HANG_UP, drain).await;
            Ok(())
        }
    }
}

/// Reads the first bytes of a client.
async fn first_words(port: &mut Port) -> io::Result<[u8; PREFACE.len()]> {
    let mut words = [0; PREFACE.len()];
    port.read_exact(&mut words).await?;
    if words == *PREFACE { Ok(words) } else { Err(io::ErrorKind::InvalidData.into()) }
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
