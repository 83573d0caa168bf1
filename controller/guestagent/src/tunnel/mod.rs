//! Tunnels: a connection that the host has, to something in the guest.

mod stream;
mod udp;

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use limekiln_proto::guest::TunnelMessage;
use tokio::net::{TcpStream, UdpSocket, UnixStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_stream::Stream;
use tonic::{Status, Streaming};

/// As long as Lima waits for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Who opens a tunnel says at once where to.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// What goes to the host.
pub(crate) type ToHost = Pin<Box<dyn Stream<Item = Result<TunnelMessage, Status>> + Send>>;

/// Reads where to, connects, and moves the bytes from then on. The place is given back when the
/// tunnel ends.
pub(crate) async fn open(
    mut from_host: Streaming<TunnelMessage>,
    place: OwnedSemaphorePermit,
) -> Result<ToHost, Status> {
    let first = timeout(HANDSHAKE, from_host.message()).await;
    let first = first.map_err(|_| Status::deadline_exceeded("no address came"))??;
    let first = first.ok_or_else(|| Status::invalid_argument("no address came"))?;
    let target = &first.guest_addr;
    let failed =
        |error: io::Error| Status::unavailable(format!("cannot connect to {target}: {error}"));
    match first.protocol.as_str() {
        "tcp" => {
            let socket = within(TcpStream::connect(address(target)?)).await.map_err(failed)?;
            // Small messages are somebody's keystrokes.
            socket.set_nodelay(true).map_err(failed)?;
            let (reader, writer) = socket.into_split();
            Ok(stream::start(first.data, from_host, reader, writer, place))
        }
        "unix" => {
            let socket = within(UnixStream::connect(target)).await.map_err(failed)?;
            let (reader, writer) = socket.into_split();
            Ok(stream::start(first.data, from_host, reader, writer, place))
        }
        "udp" => {
            let address = address(target)?;
            let own: SocketAddr =
                if address.is_ipv4() { ([0; 4], 0).into() } else { ([0; 8], 0).into() };
            let socket = UdpSocket::bind(own).await.map_err(failed)?;
            socket.connect(address).await.map_err(failed)?;
            Ok(udp::start(first.data, from_host, socket, place))
        }
        other => Err(Status::invalid_argument(format!("unknown protocol {other:?}"))),
    }
}

async fn within<T>(connect: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(CONNECT, connect).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// The kernel takes an unspecified address for the guest itself.
fn address(text: &str) -> Result<SocketAddr, Status> {
    text.parse().map_err(|_| Status::invalid_argument(format!("{text:?} is no ip:port")))
}
