//! What the datapath hands to the other thread: all that may take its time.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::net::UnixStream;

use tokio::sync::{mpsc, watch};

use crate::wire::Mac;

/// Tasks that wait; what comes then is dropped, as datagrams may be.
const WAITING: usize = 1024;

/// A task.
#[derive(Debug)]
pub enum Task {
    /// Answer a query.
    DnsQuery {
        /// Whose.
        mac: Mac,
        /// Where the answer goes.
        guest: SocketAddrV4,
        /// The query.
        data: Vec<u8>,
    },
    /// Answer the queries that come on a stream.
    DnsStream(UnixStream),
}

/// Leases as they are to be saved; `None` before the first change.
pub type Saved = Option<BTreeMap<Ipv4Addr, Mac>>;

/// The datapath's end.
#[derive(Debug)]
pub struct Services {
    tasks: mpsc::Sender<Task>,
    leases: watch::Sender<Saved>,
}

impl Services {
    /// Both ends.
    pub fn new() -> (Self, mpsc::Receiver<Task>, watch::Receiver<Saved>) {
        let (tasks, task) = mpsc::channel(WAITING);
        let (leases, saved) = watch::channel(None);
        (Self { tasks, leases }, task, saved)
    }

    /// Answers a guest's query.
    pub fn dns_query(&self, mac: Mac, guest: SocketAddrV4, data: &[u8]) {
        // Dropped when too many wait: the guest asks again.
        let _ = self.tasks.try_send(Task::DnsQuery { mac, guest, data: data.to_vec() });
    }

    /// Answers what a guest asks on a connection.
    pub fn dns_stream(&self, stream: UnixStream) {
        // Closed when too many wait.
        let _ = self.tasks.try_send(Task::DnsStream(stream));
    }

    /// Saves leases; only the last ones matter.
    pub fn save_leases(&self, leases: BTreeMap<Ipv4Addr, Mac>) {
        self.leases.send_replace(Some(leases));
    }
}
