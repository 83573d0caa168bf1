//! Frames on their way to a guest, as one stream: one system call for many frames.

use smoltcp::wire::EthernetProtocol;

use crate::wire::Mac;
use crate::wire::frames::{ETHERNET, PREFIX};
use crate::wire::packet;

/// How much is put together at most.
pub const ROOM: usize = 256 << 10;

/// A buffer for one stream of frames after the other.
#[derive(Debug)]
pub struct Outgoing {
    bytes: Vec<u8>,
    used: usize,
}

impl Outgoing {
    /// An empty one. Its pages are the system's until they are used.
    pub fn new() -> Self {
        Self { bytes: vec![0; ROOM], used: 0 }
    }

    /// Whether a packet of `mtu` bytes has room.
    pub fn fits(&self, mtu: usize) -> bool {
        self.used + PREFIX + ETHERNET + mtu <= self.bytes.len()
    }

    /// Room for an IPv4 packet of exactly this length to the guest; its frame's header is written.
    pub fn packet(&mut self, to: Mac, length: usize) -> &mut [u8] {
        let start = self.used;
        self.used += PREFIX + ETHERNET + length;
        let room = &mut self.bytes[start..self.used];
        packet::header(room, to, EthernetProtocol::Ipv4, length);
        &mut room[PREFIX + ETHERNET..]
    }

    /// What was put together; the buffer is empty for the next.
    pub fn take(&mut self) -> &[u8] {
        &self.bytes[..std::mem::take(&mut self.used)]
    }
}
