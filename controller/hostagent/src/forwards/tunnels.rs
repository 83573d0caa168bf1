//! Tunnels to the guest, for whoever has a connection to send through.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use limekiln_proto::guest::TunnelMessage;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use tokio_stream::{Stream, StreamExt};
use tonic::Streaming;
use tonic::codegen::Bytes;

use super::GuestProtocol;
use crate::guest::GuestClient;

/// So many tunnels are open at a time; who comes then waits.
const TUNNELS: usize = 1000;
/// A guest agent that is gone may be back so soon: until then a connection waits.
const AGENT: Duration = Duration::from_secs(10);
/// Longer than a guest agent takes to find that nobody answers.
const OPEN: Duration = Duration::from_secs(15);

/// Opens tunnels; copies share the bound.
#[derive(Clone, Debug)]
pub(super) struct Tunnels {
    client: watch::Receiver<Option<GuestClient>>,
    places: Arc<Semaphore>,
    opened: Arc<AtomicU64>,
}

impl Tunnels {
    pub(super) fn new(client: watch::Receiver<Option<GuestClient>>) -> Self {
        let places = Arc::new(Semaphore::new(TUNNELS));
        Self { client, places, opened: Arc::default() }
    }

    /// A place for one tunnel.
    pub(super) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    /// Opens one; what `parts` yields goes to the guest, and what the guest says is returned.
    ///
    /// # Errors
    /// There is no guest agent, or it can't connect.
    pub(super) async fn open(
        &self,
        protocol: GuestProtocol,
        target: SocketAddr,
        parts: impl Stream<Item = Bytes> + Send + 'static,
    ) -> io::Result<Streaming<TunnelMessage>> {
        let client = self.client().await?;
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        let first = TunnelMessage {
            id: format!("{}-{target}-{number}", protocol.word()),
            protocol: protocol.word().to_owned(),
            guest_addr: target.to_string(),
            ..TunnelMessage::default()
        };
        // Only the first message needs to say where to.
        let data = |data| TunnelMessage { data, ..TunnelMessage::default() };
        let messages = tokio_stream::once(first).chain(parts.map(data));
        let opened = timeout(OPEN, client.tunnel(messages)).await;
        opened.map_err(|_| io::ErrorKind::TimedOut)?.map_err(|status| {
            io::Error::other(status.message().chars().take(200).collect::<String>())
        })
    }

    async fn client(&self) -> io::Result<GuestClient> {
        let mut client = self.client.clone();
        let there = timeout(AGENT, client.wait_for(Option::is_some)).await;
        there
            .ok()
            .and_then(|client| client.ok()?.clone())
            .ok_or_else(|| io::Error::other("the guest agent is not there"))
    }
}
