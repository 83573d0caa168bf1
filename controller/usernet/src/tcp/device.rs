//! The link below one connection's TCP: segments that came, and room for those that go.

use smoltcp::phy::{self, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

use super::Outgoing;
use crate::wire::Mac;

/// Takes IPv4 packets from a list, and puts answers into frames.
#[derive(Debug)]
pub struct Device<'a> {
    /// What came, next first.
    pub incoming: &'a [&'a [u8]],
    /// Where answers go.
    pub out: &'a mut Outgoing,
    /// The guest.
    pub to: Mac,
    /// The longest packet.
    pub mtu: usize,
    /// The guest's port takes nothing now.
    pub blocked: bool,
}

/// A packet that came.
#[derive(Debug)]
pub struct Received<'a>(&'a [u8]);

/// Room for an answer.
#[derive(Debug)]
pub struct Room<'a> {
    out: &'a mut Outgoing,
    to: Mac,
}

impl phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

impl phy::TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        f(self.out.packet(self.to, length))
    }
}

impl phy::Device for Device<'_> {
    type RxToken<'b>
        = Received<'b>
    where
        Self: 'b;
    type TxToken<'b>
        = Room<'b>
    where
        Self: 'b;

    fn receive(&mut self, _: Instant) -> Option<(Received<'_>, Room<'_>)> {
        if !self.out.fits(self.mtu) {
            return None;
        }
        let (first, rest) = self.incoming.split_first()?;
        self.incoming = rest;
        Some((Received(first), Room { out: self.out, to: self.to }))
    }

    fn transmit(&mut self, _: Instant) -> Option<Room<'_>> {
        let free = !self.blocked && self.out.fits(self.mtu);
        free.then_some(Room { out: self.out, to: self.to })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        capabilities
    }
}
