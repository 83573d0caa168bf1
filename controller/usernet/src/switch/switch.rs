//! The switch: who is behind which port.

use std::collections::HashMap;
use std::io::IoSlice;
use std::os::fd::OwnedFd;

use slab::Slab;

use super::port::Kind;
use super::{Cards, Pool, Port};
use crate::wire::Mac;

/// A port's number.
pub type PortId = usize;

/// Hardware addresses learned per port: a VM that makes up more has the rest of its traffic
/// flooded, and harms no other's.
const STATIONS: usize = 64;

/// Ports at once.
pub(super) const PORTS: usize = 1024;

/// Slices handed to the kernel at once (UIO_MAXIOV).
const SLICES: usize = 1024;

/// Forwards frames between ports and from the gateway.
#[derive(Debug, Default)]
pub struct Switch {
    ports: Slab<Port>,
    table: HashMap<Mac, PortId>,
    /// The addresses of VMs' own cards, of those too that are away.
    cards: Cards,
    pool: Pool,
    dirty: Vec<PortId>,
    /// Ports whose peer is gone, to be removed by the owner of the poll.
    gone: Vec<PortId>,
}

impl Switch {
    /// With what an earlier daemon knew.
    pub fn new(cards: Cards) -> Self {
        Self { cards, ..Self::default() }
    }

    /// Plugs the VM of this process in; `None` if there is no room for more.
    pub fn add(&mut self, socket: OwnedFd, kind: Kind, pid: Option<u32>) -> Option<PortId> {
        let known = self.cards.of(pid);
        let fits = self.ports.len() < PORTS;
        fits.then(|| self.ports.insert(Port::new(socket, kind, pid, known)))
    }

    /// Pulls the cable out; `false` if it was out.
    pub fn remove(&mut self, id: PortId) -> bool {
        self.table.retain(|_, port| *port != id);
        self.dirty.retain(|port| *port != id);
        // The next to have its number is another.
        self.gone.retain(|port| *port != id);
        let Some(mut port) = self.ports.try_remove(id) else { return false };
        port.queue.clear(&mut self.pool);
        true
    }

    /// What the next daemon is to know, if it changed.
    pub fn cards(&mut self) -> Option<Vec<u8>> {
        self.cards.content()
    }

    /// The port, if it is there.
    pub fn port(&mut self, id: PortId) -> Option<&mut Port> {
        self.ports.get_mut(id)
    }

    /// All ports.
    pub fn ids(&self) -> Vec<PortId> {
        self.ports.iter().map(|(id, _)| id).collect()
    }

    /// Which address was last seen behind which port.
    pub fn table(&self) -> impl Iterator<Item = (Mac, PortId)> + '_ {
        self.table.iter().map(|(mac, id)| (*mac, *id))
    }

    /// Frames dropped so far, for want of room in queues.
    pub fn dropped(&self) -> u64 {
        self.ports.iter().map(|(_, port)| port.dropped).sum()
    }

    /// The address of the VM's own card: the first that it spoke under.
    pub fn card(&self, id: PortId) -> Option<Mac> {
        self.ports.get(id)?.home
    }

    /// Whether nobody else uses the address while its VM is away.
    pub fn keeps(&self, mac: Mac) -> bool {
        self.cards.contains(mac)
    }

    /// Whether the VM behind the port is gone, or about to be.
    pub fn is_leaving(&self, id: PortId) -> bool {
        self.ports.get(id).is_none_or(|port| port.ending)
    }

    /// The port behind which the address was last seen.
    pub fn behind(&self, mac: Mac) -> Option<PortId> {
        self.table.get(&mac).copied()
    }

    /// Notes that the address is behind the port; returns whether frames from it are to be taken
    /// there. No group address is behind a port, nor the gateway's, nor one that is behind another
    /// port that lives, nor that of another VM's card while that is away: who speaks in another's
    /// name would get what is for it.
    pub fn learn(&mut self, mac: Mac, id: PortId) -> bool {
        if mac.is_group() || mac == Mac::GATEWAY {
            return false;
        }
        let Some(port) = self.ports.get(id) else { return false };
        let may_be = || port.known.is_empty() || port.known.contains(&mac);
        let home = port.home.map_or_else(may_be, |home| home == mac);
        let (room, pid) = (port.stations < STATIONS, port.pid);
        let before = self.table.get(&mac).copied();
        if before == Some(id) {
            return true;
        }
        if before.is_some_and(|before| !self.yields(before, mac, home))
            || (!home && self.cards.contains(mac))
        {
            return false;
        }
        if home {
            self.ports.get_mut(id).into_iter().for_each(|port| port.home = Some(mac));
            self.cards.insert(mac, pid, |mac| self.table.contains_key(&mac));
        }
        if room {
            self.table.insert(mac, id);
            self.count(id, 1);
            before.into_iter().for_each(|before| self.count(before, -1));
        }
        true
    }

    fn count(&mut self, id: PortId, more: isize) {
        if let Some(port) = self.ports.get_mut(id) {
            port.stations = port.stations.saturating_add_signed(more);
        }
    }

    /// Whether a port gives an address to one that uses it, too: if its VM is about to be gone; and
    /// to the one whose own it is, so that nobody can take the address of a VM that is away, and
    /// keep it.
    fn yields(&self, id: PortId, mac: Mac, home: bool) -> bool {
        self.ports.get(id).is_none_or(|port| port.ending || (home && port.home != Some(mac)))
    }

    /// Whether the peer behind which the address is takes nothing now.
    pub fn busy(&self, mac: Mac) -> bool {
        let port = self.behind(mac).and_then(|id| self.ports.get(id));
        port.is_some_and(|port| port.blocked)
    }

    /// Sends streams of whole frames to a port, now.
    pub fn send(&mut self, id: PortId, streams: &[IoSlice<'_>]) {
        let Some(port) = self.ports.get_mut(id) else { return };
        if port.dirty && port.flush(&mut self.pool).is_err() {
            self.gone.push(id);
            return;
        }
        for streams in streams.chunks(SLICES) {
            if port.send(&mut self.pool, streams).is_err() {
                self.gone.push(id);
                return;
            }
        }
    }

    /// Sends a stream of frames to whoever has the address, now. If nobody is known to, it is
    /// lost: a guest's data is not for others.
    pub fn send_to(&mut self, mac: Mac, stream: &[u8]) {
        if let Some(id) = self.behind(mac) {
            self.send(id, &[IoSlice::new(stream)]);
        }
    }

    /// Sends frames at the end of this turn, with others; a broadcast to all.
    pub fn queue(&mut self, mac: Mac, stream: &[u8]) {
        match self.behind(mac) {
            Some(id) => self.queue_at(id, stream),
            None if mac == Mac::BROADCAST => self.flood(None, stream),
            None => {}
        }
    }

    /// Sends frames at the end of this turn to all ports but one.
    pub fn flood(&mut self, but: Option<PortId>, stream: &[u8]) {
        for id in self.ids() {
            if Some(id) != but {
                self.queue_at(id, stream);
            }
        }
    }

    fn queue_at(&mut self, id: PortId, stream: &[u8]) {
        let Some(port) = self.ports.get_mut(id) else { return };
        port.dropped += port.queue.add(&mut self.pool, stream, 0);
        if !std::mem::replace(&mut port.dirty, true) {
            self.dirty.push(id);
        }
    }

    /// Ends a turn: sends what was queued. Returns the ports whose peers are gone.
    pub fn flush(&mut self) -> Vec<PortId> {
        for id in std::mem::take(&mut self.dirty) {
            let Some(port) = self.ports.get_mut(id) else { continue };
            port.dirty = false;
            if port.flush(&mut self.pool).is_err() {
                self.gone.push(id);
            }
        }
        std::mem::take(&mut self.gone)
    }

    /// The peer may take more; returns whether nothing waits any longer.
    pub fn writable(&mut self, id: PortId) -> bool {
        let Some(port) = self.ports.get_mut(id) else { return false };
        match port.flush(&mut self.pool) {
            Ok(()) => port.queue.is_empty(),
            Err(_) => {
                self.gone.push(id);
                false
            }
        }
    }
}
