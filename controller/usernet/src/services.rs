//! What the datapath hands to the other thread: all that may take its time.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::dns::Lookups;
use crate::switch::PortId;
use crate::wire::Mac;

/// Queries of one VM that are not answered yet; what comes then is dropped, as datagrams may be.
const QUERIES: usize = 64;

/// Longest query: what servers say that they take over UDP. Longer ones are none, and 64 of them
/// would be much to keep.
const LONGEST: usize = 4096;

/// Connections of one VM to the name server; the next are closed.
const STREAMS: usize = 16;

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
        /// What it may use.
        share: Share,
    },
    /// Answer the queries that come on a stream.
    DnsStream {
        /// The stream.
        stream: UnixStream,
        /// What they may use.
        share: Share,
    },
}

/// What a task uses of that which its VM may use.
#[derive(Debug)]
pub struct Share {
    /// Its own place, given back at its end.
    pub place: OwnedSemaphorePermit,
    /// Those of the VM.
    pub lookups: Lookups,
    asker: Weak<()>,
}

impl Share {
    /// Whether the VM that asked is still there: if not, the answer is for nobody.
    pub fn is_wanted(&self) -> bool {
        self.asker.strong_count() > 0
    }
}

/// What one VM may use: what it asks for keeps no other waiting.
#[derive(Debug)]
struct Asker {
    queries: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    lookups: Lookups,
    /// There as long as the VM is.
    there: Arc<()>,
}

impl Default for Asker {
    fn default() -> Self {
        let (queries, streams) = (Semaphore::new(QUERIES), Semaphore::new(STREAMS));
        let (queries, streams) = (Arc::new(queries), Arc::new(streams));
        Self { queries, streams, lookups: Lookups::default(), there: Arc::default() }
    }
}

impl Asker {
    fn share(&self, places: &Arc<Semaphore>) -> Option<Share> {
        let place = Arc::clone(places).try_acquire_owned().ok()?;
        let (lookups, asker) = (self.lookups.clone(), Arc::downgrade(&self.there));
        Some(Share { place, lookups, asker })
    }
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

/// What is to be written.
#[derive(Debug)]
pub enum Saved {
    /// Leases.
    Lease(Lease),
    /// Which address is whose card's, as the file's content.
    Cards(Vec<u8>),
}

/// The datapath's end.
#[derive(Debug)]
pub struct Services {
    // Bounded by what each VM may use.
    tasks: mpsc::UnboundedSender<Task>,
    saved: mpsc::UnboundedSender<Saved>,
    askers: RefCell<HashMap<PortId, Asker>>,
}

impl Services {
    /// Both ends.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Task>, mpsc::UnboundedReceiver<Saved>) {
        let (tasks, task) = mpsc::unbounded_channel();
        // As many as there are addresses that VMs may take, and VMs that are plugged in.
        let (saved, to_save) = mpsc::unbounded_channel();
        (Self { tasks, saved, askers: RefCell::default() }, task, to_save)
    }

    /// Answers a guest's query.
    pub fn dns_query(&self, port: PortId, mac: Mac, guest: SocketAddrV4, data: &[u8]) {
        let mut askers = self.askers.borrow_mut();
        let asker = askers.entry(port).or_default();
        // Dropped when too many wait: the guest asks again.
        if let Some(share) = asker.share(&asker.queries).filter(|_| data.len() <= LONGEST) {
            let _ = self.tasks.send(Task::DnsQuery { mac, guest, data: data.to_vec(), share });
        }
    }

    /// Answers what a guest asks on a connection.
    pub fn dns_stream(&self, port: PortId, stream: UnixStream) {
        let mut askers = self.askers.borrow_mut();
        let asker = askers.entry(port).or_default();
        // Closed when there are too many.
        if let Some(share) = asker.share(&asker.streams) {
            let _ = self.tasks.send(Task::DnsStream { stream, share });
        }
    }

    /// A port is no more; what its VM asked for comes to its end.
    pub fn forget(&self, port: PortId) {
        self.askers.borrow_mut().remove(&port);
    }

    /// Saves leases, then answers.
    pub fn save(&self, lease: Lease) {
        // Fails when the daemon is ending.
        let _ = self.saved.send(Saved::Lease(lease));
    }

    /// Saves which address is whose card's.
    pub fn keep(&self, cards: Vec<u8>) {
        // Fails when the daemon is ending.
        let _ = self.saved.send(Saved::Cards(cards));
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddrV4;
    use std::os::unix::net::UnixStream;

    use super::{QUERIES, STREAMS, Services, Task};
    use crate::wire::Mac;

    #[test]
    fn each_vm_has_places_of_its_own_and_gets_them_back() {
        let (services, mut tasks, _leases) = Services::new();
        let ask = |port| {
            services.dns_query(port, Mac([2; 6]), SocketAddrV4::new([10, 0, 0, 1].into(), 9), b"");
        };
        let long = [0; super::LONGEST + 1];
        let guest = SocketAddrV4::new([10, 0, 0, 1].into(), 9);
        services.dns_query(1, Mac([2; 6]), guest, &long);
        assert_eq!(tasks.len(), 0, "that is no query");
        (0..1000).for_each(|_| ask(1));
        (0..100).for_each(|_| services.dns_stream(1, UnixStream::pair().unwrap().0));
        assert_eq!(tasks.len(), QUERIES + STREAMS);
        ask(2);
        assert_eq!(tasks.len(), QUERIES + STREAMS + 1);
        // One is done.
        drop(tasks.try_recv().unwrap());
        (0..10).for_each(|_| ask(1));
        assert_eq!(tasks.len(), QUERIES + STREAMS + 1);
        // A VM is gone, and another may have its port.
        let Task::DnsQuery { share, .. } = tasks.try_recv().unwrap() else { panic!("a query") };
        assert!(share.is_wanted());
        services.forget(1);
        ask(1);
        assert!(!share.is_wanted());
    }
}
