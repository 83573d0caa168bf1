//! UDP ports of the host: each peer has a tunnel of its own, so that answers find back.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use limekiln_proto::guest::TunnelMessage;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::Bytes;
use tonic::{Status, Streaming};

use super::GuestProtocol;
use super::tunnels::Tunnels;

/// Peers of one port at a time; datagrams of more are lost, as UDP may lose them.
const PEERS: usize = 256;
/// Without a datagram for so long, a peer is forgotten: UDP has no end.
const IDLE: Duration = Duration::from_secs(90);
/// Datagrams of one peer that wait; what comes while so many do is lost.
const WAITING: usize = 64;
/// No datagram is longer.
const LONGEST: usize = 65_535;

/// Moves datagrams for good.
pub(super) async fn udp(socket: UdpSocket, target: watch::Receiver<SocketAddr>, tunnels: Tunnels) {
    let socket = Arc::new(socket);
    let mut peers: BTreeMap<SocketAddr, mpsc::Sender<Bytes>> = BTreeMap::new();
    let mut flows = JoinSet::new();
    let mut buffer = vec![0; LONGEST];
    loop {
        let (length, peer) = tokio::select! {
            received = socket.recv_from(&mut buffer) => match received {
                Ok(received) => received,
                // An answer that nobody took, reported late (ICMP).
                Err(_) => continue,
            },
            Some(ended) = flows.join_next(), if !flows.is_empty() => {
                if let Ok(peer) = ended { peers.remove(&peer); }
                continue;
            }
        };
        let datagram = Bytes::copy_from_slice(&buffer[..length]);
        if let Some(waiting) = peers.get(&peer) {
            // Full, or just ended.
            let _ = waiting.try_send(datagram);
        } else if peers.len() < PEERS {
            let (sender, waiting) = mpsc::channel(WAITING);
            let _ = sender.try_send(datagram);
            peers.insert(peer, sender);
            let flow = Flow { socket: Arc::clone(&socket), peer, target: *target.borrow() };
            flows.spawn(flow.run(waiting, tunnels.clone()));
        }
    }
}

struct Flow {
    socket: Arc<UdpSocket>,
    peer: SocketAddr,
    target: SocketAddr,
}

impl Flow {
    /// One peer's datagrams, until nobody talks; returns whose.
    async fn run(self, waiting: mpsc::Receiver<Bytes>, tunnels: Tunnels) -> SocketAddr {
        let (heard, mut hears) = watch::channel(Instant::now());
        let sent = heard.clone();
        let parts = tokio_stream::StreamExt::map(ReceiverStream::new(waiting), move |part| {
            sent.send_replace(Instant::now());
            part
        });
        let Some(_place) = tunnels.place().await else { return self.peer };
        if let Ok(from_guest) = tunnels.open(GuestProtocol::Udp, self.target, parts).await {
            tokio::select! {
                _ = self.answers(from_guest, &heard) => {}
                () = idle(&mut hears) => {}
            }
        }
        self.peer
    }

    async fn answers(
        &self,
        mut from_guest: Streaming<TunnelMessage>,
        heard: &watch::Sender<Instant>,
    ) -> Result<(), Status> {
        while let Some(message) = from_guest.message().await? {
            heard.send_replace(Instant::now());
            // The peer may be gone, or its queue full.
            let _ = self.socket.send_to(&message.data, self.peer).await;
        }
        Ok(())
    }
}

/// Returns when nothing was heard for long.
async fn idle(hears: &mut watch::Receiver<Instant>) {
    loop {
        let last = *hears.borrow_and_update();
        tokio::select! {
            () = sleep_until(last + IDLE) => return,
            changed = hears.changed() => if changed.is_err() { return },
        }
    }
}
