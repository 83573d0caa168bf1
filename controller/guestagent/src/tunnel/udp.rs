//! UDP: a message is a datagram.

use std::sync::Arc;
use std::time::Duration;

use limekiln_proto::guest::TunnelMessage;
use tokio::net::UdpSocket;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, sleep_until};
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::Bytes;
use tonic::{Status, Streaming};

use super::ToHost;

/// Without a datagram for so long, nobody talks any more: UDP has no other end.
const IDLE: Duration = Duration::from_secs(90);
/// Datagrams that wait for the host; what comes while so many wait is lost, as anywhere in UDP.
const WAITING: usize = 64;
/// No datagram is longer.
const LONGEST: usize = 65_535;

/// Moves datagrams both ways, until the caller ends it or nobody talks.
pub(super) fn start(
    first: Bytes,
    from_host: Streaming<TunnelMessage>,
    socket: UdpSocket,
    place: OwnedSemaphorePermit,
) -> ToHost {
    let (sender, to_host) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        tokio::select! {
            () = relay(first, from_host, Arc::new(socket), &sender) => {}
            () = sender.closed() => {}
        }
        drop(place);
    });
    Box::pin(ReceiverStream::new(to_host))
}

async fn relay(
    first: Bytes,
    mut from_host: Streaming<TunnelMessage>,
    socket: Arc<UdpSocket>,
    to_host: &mpsc::Sender<Result<TunnelMessage, Status>>,
) {
    if !first.is_empty() {
        // Refused, or lost: both are the datagram's fate.
        let _ = socket.send(&first).await;
    }
    let mut buffer = vec![0; LONGEST];
    let mut idle_from = Instant::now();
    loop {
        tokio::select! {
            message = from_host.message() => match message {
                Ok(Some(message)) => { let _ = socket.send(&message.data).await; }
                _ => return,
            },
            received = socket.recv(&mut buffer) => if let Ok(length) = received {
                let data = Bytes::copy_from_slice(&buffer[..length]);
                let _ = to_host.try_send(Ok(TunnelMessage { data, ..TunnelMessage::default() }));
            },
            () = sleep_until(idle_from + IDLE) => return,
        }
        idle_from = Instant::now();
    }
}
