//! What the datapath hands to the other thread: all that may take its time.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::net::UnixStream;

use tokio::sync::mpsc;

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

/// Leases that are to be saved, and what is sent to the guest once they are: a guest that knows
/// its address has it for good, whenever the daemon is killed.
#[derive(Debug)]
pub struct Lease {
    /// All leases.
    pub all: BTreeMap<Ipv4Addr, Mac>,
    /// Whose is new.
    pub mac: Mac,
    /// Frames for it.
    pub answer: Vec<u8>,
}

/// The datapath's end.
#[derive(Debug)]
pub struct Services {
    tasks: mpsc::Sender<Task>,
    leases: mpsc::UnboundedSender<Lease>,
}

impl Services {
    /// Both ends.
    pub fn new() -> (Self, mpsc::Receiver<Task>, mpsc::UnboundedReceiver<Lease>) {
        let (tasks, task) = mpsc::channel(WAITING);
        // As many as there are addresses that VMs may take.
        let (leases, saved) = mpsc::unbounded_channel();
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

    /// Saves leases, then answers.
    pub fn save(&self, lease: Lease) {
        // Fails when the daemon is ending.
        let _ = self.leases.send(lease);
    }
}
