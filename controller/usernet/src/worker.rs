//! The other thread: names, the API, files, signals.

use std::os::unix::net::UnixStream as StdStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use crate::dns::{self, Upstream, Zones};
use crate::gateway::Ends;
use crate::leases;
use crate::mail::{Mail, Mailbox};
use crate::services::{Lease, Task};
use std::net::{Ipv4Addr, SocketAddrV4};

/// Queries that are answered at once.
const QUERIES: usize = 128;

/// How long a guest may keep a connection to the name server without a query.
const IDLE: Duration = Duration::from_secs(30);

/// What the thread needs.
pub struct Worker {
    /// The datapath.
    pub mailbox: Mailbox,
    /// The network's names.
    pub zones: Arc<Mutex<Zones>>,
    /// The gateway's address.
    pub gateway: Ipv4Addr,
    /// Where leases are kept.
    pub leases_file: Option<PathBuf>,
}

impl Worker {
    /// Works until the datapath ends.
    pub async fn run(
        self,
        mut tasks: mpsc::Receiver<Task>,
        leases: mpsc::UnboundedReceiver<Lease>,
    ) {
        let saving = tokio::spawn(save(self.leases_file.clone(), self.mailbox.clone(), leases));
        let signals = tokio::spawn(stop_on_signals(self.mailbox.clone()));
        let room = Arc::new(Semaphore::new(QUERIES));
        while let Some(task) = tasks.recv().await {
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else { break };
            let (zones, mailbox) = (Arc::clone(&self.zones), self.mailbox.clone());
            let remote = SocketAddrV4::new(self.gateway, dns::PORT);
            tokio::spawn(async move {
                match task {
                    Task::DnsQuery { mac, guest, data } => {
                        if let Some(data) = dns::datagram(&zones, Upstream::Host, &data).await {
                            mailbox.post(Mail::Datagram {
                                mac,
                                ends: Ends { guest, remote },
                                data,
                            });
                        }
                    }
                    Task::DnsStream(stream) => {
                        // It may be idle for long: that is not to keep others waiting.
                        drop(permit);
                        serve(&zones, stream).await;
                    }
                }
            });
        }
        signals.abort();
        // What was to be saved is saved.
        let _ = saving.await;
    }
}

async fn save(path: Option<PathBuf>, mailbox: Mailbox, mut leases: mpsc::UnboundedReceiver<Lease>) {
    while let Some(first) = leases.recv().await {
        let mut batch = vec![first];
        while let Ok(next) = leases.try_recv() {
            batch.push(next);
        }
        if let (Some(path), Some(last)) = (path.clone(), batch.last()) {
            let all = last.all.clone();
            let saved = tokio::task::spawn_blocking(move || leases::save(&path, &all)).await;
            if let Ok(Err(error)) = saved {
                tracing::warn!("leases are not saved; VMs may get other addresses: {error}");
            }
        }
        for Lease { mac, answer, .. } in batch {
            mailbox.post(Mail::Frames { mac, stream: answer });
        }
    }
}

async fn stop_on_signals(mailbox: Mailbox) {
    let (terminate, interrupt) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    let (Ok(mut terminate), Ok(mut interrupt)) = (terminate, interrupt) else { return };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    mailbox.post(Mail::Stop);
}

/// Queries on a connection, each with its length before it (RFC 7766).
async fn serve(zones: &Mutex<Zones>, stream: StdStream) {
    if stream.set_nonblocking(true).is_err() {
        return;
    }
    let Ok(mut stream) = UnixStream::from_std(stream) else { return };
    while let Ok(Ok(length)) = timeout(IDLE, stream.read_u16()).await {
        let mut query = vec![0; usize::from(length)];
        let Ok(Ok(_)) = timeout(IDLE, stream.read_exact(&mut query)).await else { return };
        let Some(answer) = dns::answer(zones, Upstream::Host, &query).await else { return };
        let Ok(length) = u16::try_from(answer.len()) else { return };
        let whole = [&length.to_be_bytes()[..], &answer].concat();
        if !matches!(timeout(IDLE, stream.write_all(&whole)).await, Ok(Ok(()))) {
            return;
        }
    }
}
