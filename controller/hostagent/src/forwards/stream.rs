//! TCP ports and sockets of the host.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::Duration;

use futures::stream::poll_fn;
use limekiln_proto::guest::limits;
use rustix::net::sockopt::set_socket_linger;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_stream::{Stream, StreamExt};
use tokio_util::io::ReaderStream;

use super::GuestProtocol;
use super::tunnels::Tunnels;

/// Out of descriptors, most likely: others may be closed in a moment.
const AGAIN: Duration = Duration::from_millis(200);

/// Takes connections to a port for good. The target may change from one to the next.
pub(super) async fn tcp(
    listener: TcpListener,
    target: watch::Receiver<SocketAddr>,
    tunnels: Tunnels,
) {
    let streams = poll_fn(|context| listener.poll_accept(context).map_ok(|(it, _)| it).map(Some));
    take(streams, tcp_connection, target, tunnels).await;
}

/// Takes connections to a socket for good.
pub(super) async fn unix(
    listener: UnixListener,
    target: watch::Receiver<SocketAddr>,
    tunnels: Tunnels,
) {
    let streams = poll_fn(|context| listener.poll_accept(context).map_ok(|(it, _)| it).map(Some));
    take(streams, unix_connection, target, tunnels).await;
}

async fn take<S, F>(
    mut streams: impl Stream<Item = io::Result<S>> + Unpin,
    carry: impl Fn(S, SocketAddr, Tunnels) -> F,
    target: watch::Receiver<SocketAddr>,
    tunnels: Tunnels,
) where
    F: Future<Output = ()> + Send + 'static,
{
    while let Some(stream) = streams.next().await {
        let Ok(stream) = stream else {
            sleep(AGAIN).await;
            continue;
        };
        // Not before: a port where nobody connects must not take a place from the others.
        let Some(place) = tunnels.place().await else { return };
        let carried = carry(stream, *target.borrow(), tunnels.clone());
        tokio::spawn(async move {
            carried.await;
            drop(place);
        });
    }
}

async fn tcp_connection(stream: TcpStream, target: SocketAddr, tunnels: Tunnels) {
    // Small messages are somebody's keystrokes. Without it they are only slower.
    let _ = stream.set_nodelay(true);
    let (reader, mut writer) = stream.into_split();
    if let Err(error) = carry(reader, &mut writer, target, &tunnels).await {
        tracing::debug!("a connection to {target} in the guest: {error}");
        // The peer sees a reset, as from the guest itself, and not an end that looks orderly.
        let stream: &TcpStream = writer.as_ref();
        let _ = set_socket_linger(stream.as_fd(), Some(Duration::ZERO));
    }
}

async fn unix_connection(stream: UnixStream, target: SocketAddr, tunnels: Tunnels) {
    let (reader, mut writer) = stream.into_split();
    if let Err(error) = carry(reader, &mut writer, target, &tunnels).await {
        tracing::debug!("a connection to {target} in the guest: {error}");
    }
}

/// Moves bytes both ways until the guest's side ends.
async fn carry<R>(
    reader: R,
    writer: &mut (impl AsyncWrite + Unpin),
    target: SocketAddr,
    tunnels: &Tunnels,
) -> io::Result<()>
where
    R: AsyncRead + Send + Unpin + 'static,
{
    // The end of what the host says ends only that: the guest may still answer.
    let parts = ReaderStream::with_capacity(reader, limits::PART).map_while(Result::ok);
    let mut from_guest = tunnels.open(GuestProtocol::Tcp, target, parts).await?;
    while let Some(message) = from_guest.message().await.map_err(io::Error::other)? {
        writer.write_all(&message.data).await?;
    }
    writer.shutdown().await
}
