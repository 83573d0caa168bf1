//! Those who connect: only this user and root, only so many, and only who says something.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::net::{RecvFlags, recv};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{sleep, timeout};
use tonic::transport::server::{Connected, UdsConnectInfo};
use tracing::warn;

/// So many at the same time.
const CONNECTIONS: usize = 64;
/// Who says nothing for so long after he has connected is let go.
const GREETING: Duration = Duration::from_secs(5);

/// Who may talk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed {
    /// Besides root.
    pub(crate) uid: u32,
}

impl Allowed {
    pub(crate) fn this_user() -> Self {
        Self { uid: rustix::process::geteuid().as_raw() }
    }

    fn admits(self, stream: &UnixStream) -> bool {
        match stream.peer_cred() {
            Ok(peer) if peer.uid() == self.uid || peer.uid() == 0 => true,
            Ok(peer) => {
                warn!("user {} was not let in to the control socket", peer.uid());
                false
            }
            Err(_) => false,
        }
    }
}

/// A connection, which takes one of the places as long as it lasts.
pub(crate) struct Peer {
    stream: UnixStream,
    _place: OwnedSemaphorePermit,
}

/// Accepts connections for as long as the receiver lives.
pub(crate) fn peers(
    listener: UnixListener,
    allowed: Allowed,
) -> mpsc::Receiver<Result<Peer, io::Error>> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(accept(listener, allowed, sender));
    receiver
}

async fn accept(
    listener: UnixListener,
    allowed: Allowed,
    sender: mpsc::Sender<Result<Peer, io::Error>>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted.map(|(stream, _)| stream),
            () = sender.closed() => return,
        };
        match stream {
            Ok(stream) if allowed.admits(&stream) => {
                // Who finds no place is not kept waiting.
                if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
                    tokio::spawn(greet(Peer { stream, _place: place }, sender.clone()));
                }
            }
            Ok(_) => {}
            // Too many open files: it passes.
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn greet(peer: Peer, sender: mpsc::Sender<Result<Peer, io::Error>>) {
    let mut first = [0];
    let peek = || {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        Ok(recv(&peer.stream, &mut first, flags).map(|(bytes, _)| bytes)?)
    };
    let said = timeout(GREETING, peer.stream.async_io(Interest::READABLE, peek)).await;
    if matches!(said, Ok(Ok(1..))) {
        // It fails when the server has ended.
        let _ = sender.send(Ok(peer)).await;
    }
}

impl Connected for Peer {
    type ConnectInfo = UdsConnectInfo;

    fn connect_info(&self) -> UdsConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Peer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Peer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
