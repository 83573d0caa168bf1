//! What the other thread asks of the datapath.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::sync::{Arc, mpsc};

use serde::Serialize;
use tokio::sync::oneshot;

use crate::gateway::{Ends, Forward};
use crate::switch::Refusal;
use crate::tcp::Outcome;
use crate::wire::Mac;

/// A request.
pub enum Mail {
    /// Send a guest frames.
    Frames {
        /// The guest.
        mac: Mac,
        /// A stream of frames.
        stream: Vec<u8>,
    },
    /// Send a guest a datagram.
    Datagram {
        /// The guest.
        mac: Mac,
        /// From where to where.
        ends: Ends,
        /// What.
        data: Vec<u8>,
    },
    /// Connect a socket to a guest; the outcome is dropped if that can't be tried.
    Dial {
        /// The guest's end.
        guest: SocketAddrV4,
        /// The host's end.
        socket: OwnedFd,
        /// Whether the guest accepted.
        outcome: Outcome,
    },
    /// Serve a port of the host.
    Forward(Forward),
    /// No longer serve it.
    Unforward(u64),
    /// Tell which VM has which address.
    Leases(oneshot::Sender<BTreeMap<Ipv4Addr, Mac>>),
    /// Tell what there is.
    Figures(oneshot::Sender<Figures>),
    /// A process is a VM with these cards: so says whoever started it.
    Tell {
        /// The process.
        pid: u32,
        /// Their addresses.
        macs: Vec<Mac>,
        /// Where the answer goes.
        to: oneshot::Sender<Result<(), Refusal>>,
    },
    /// End.
    Stop,
}

/// What a daemon has to do just now.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// VMs on the switch.
    pub ports: usize,
    /// Connections through the gateway.
    pub connections: usize,
    /// Frames dropped since VMs were too slow for them.
    pub dropped: u64,
    /// The port behind which each hardware address is.
    pub stations: BTreeMap<String, usize>,
}

/// Where requests are put.
#[derive(Clone)]
pub struct Mailbox {
    sender: mpsc::Sender<Mail>,
    waker: Arc<mio::Waker>,
}

impl Mailbox {
    /// A mailbox, and where requests come out.
    pub fn new(waker: Arc<mio::Waker>) -> (Self, mpsc::Receiver<Mail>) {
        let (sender, receiver) = mpsc::channel();
        (Self { sender, waker }, receiver)
    }

    /// Puts a request in. Lost if the datapath has ended; then the whole daemon ends.
    pub fn post(&self, mail: Mail) {
        if self.sender.send(mail).is_ok() {
            let _ = self.waker.wake();
        }
    }
}
