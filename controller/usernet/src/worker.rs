//! The other thread: names, the API, files, signals.

use std::os::unix::net::UnixStream as StdStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::net::UnixStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::dns::{self, Upstream, Zones};
use crate::gateway::Ends;
use crate::leases;
use crate::mail::{Mail, Mailbox};
use crate::services::{Lease, Saved, Task};
use std::net::{Ipv4Addr, SocketAddrV4};

/// What the thread needs.
pub struct Worker {
    /// The datapath.
    pub mailbox: Mailbox,
    /// The network's names.
    pub zones: Arc<Mutex<Zones>>,
    /// The gateway's address.
    pub gateway: Ipv4Addr,
}

impl Worker {
    /// Works until the datapath ends. Waits for nothing but the next task: what one VM asks for
    /// keeps no other waiting.
    pub async fn run(self, mut tasks: mpsc::UnboundedReceiver<Task>) {
        let signals = tokio::spawn(stop_on_signals(self.mailbox.clone()));
        let worker = Arc::new(self);
        while let Some(task) = tasks.recv().await {
            let worker = Arc::clone(&worker);
            tokio::spawn(async move { worker.work(task).await });
        }
        signals.abort();
    }

    async fn work(&self, task: Task) {
        match task {
            Task::DnsQuery { mac, guest, data, share } => {
                let upstream = Upstream::Host(share.lookups.clone());
                if let Some(data) = dns::datagram(&*self.zones, &upstream, &data).await
                    && share.is_wanted()
                {
                    let remote = SocketAddrV4::new(self.gateway, dns::PORT);
                    let ends = Ends { guest, remote };
                    self.mailbox.post(Mail::Datagram { mac, ends, data });
                }
                drop(share.place);
            }
            Task::DnsStream { stream, share } => {
                serve(&self.zones, &Upstream::Host(share.lookups.clone()), stream).await;
                drop(share.place);
            }
        }
    }
}

/// Where things are saved, if anywhere.
pub struct Files {
    /// Leases.
    pub leases: Option<PathBuf>,
    /// Which address is whose card's.
    pub cards: Option<PathBuf>,
}

/// Saves what it is given until the datapath ends. To be called on a thread of its own: who boots
/// is not to wait for a resolver that hangs.
pub fn save(files: &Files, mailbox: &Mailbox, mut saved: mpsc::UnboundedReceiver<Saved>) {
    while let Some(first) = saved.blocking_recv() {
        let (mut leases, mut cards) = (Vec::new(), None);
        let mut next = Some(first);
        while let Some(one) = next {
            match one {
                Saved::Lease(lease) => leases.push(lease),
                Saved::Cards(content) => cards = Some(content),
            }
            next = saved.try_recv().ok();
        }
        if let (Some(path), Some(content)) = (&files.cards, cards)
            && let Err(error) = leases::write_quickly(path, &content)
        {
            tracing::warn!("the next daemon will not know VMs by their cards: {error}");
        }
        if let (Some(path), Some(last)) = (&files.leases, leases.last())
            && let Err(error) = leases::save(path, &last.all)
        {
            tracing::warn!("leases are not saved; VMs may get other addresses: {error}");
        }
        for Lease { mac, answer, .. } in leases {
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

/// Queries on a connection.
async fn serve(zones: &Mutex<Zones>, upstream: &Upstream, stream: StdStream) {
    if stream.set_nonblocking(true).is_ok()
        && let Ok(stream) = UnixStream::from_std(stream)
    {
        dns::connection(zones, upstream, stream).await;
    }
}
