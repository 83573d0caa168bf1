//! The connections that there are, and how many there may be.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use slab::Slab;
use tokio::sync::oneshot;

use super::{Flow, Host, Key};
use crate::share::may_have_more;
use crate::switch::PortId;
use crate::wire::Mac;

/// Connections at once.
const MOST: usize = 16_384;

/// Handshakes of one VM that are not done. One more has to wait, and is asked for again by the
/// guest; the oldest gives way once it is stale. A flood of SYNs costs a VM its own handshakes,
/// and nobody else's.
const HANDSHAKES: usize = 1024;

/// When a handshake that is not done is stale, if others wait.
const STALE: Duration = Duration::from_secs(3);

/// More than these at once are taken for a flood.
const FLOOD: usize = 32;

/// A connection's number, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowId {
    /// Its place in the table.
    pub slot: usize,
    /// Tells it from others at the same place.
    pub serial: u64,
}

/// What became of a connection to a guest that somebody waits for.
pub type Outcome = oneshot::Sender<bool>;

/// A connection or the beginning of one.
pub struct Entry {
    /// Its number.
    pub id: FlowId,
    /// Its ends.
    pub key: Key,
    /// The guest's hardware address, as last seen.
    pub mac: Mac,
    /// The port through which it came; `None` for one from the host, and for an orphan.
    pub port: Option<PortId>,
    /// Its VM was unplugged, and may come back.
    pub orphan: bool,
    /// How far it is.
    pub side: Side,
    /// It is in the list of those that have a turn.
    pub queued: bool,
    /// It waits for its guest's port.
    pub blocked: bool,
    /// The earliest deadline noted for it.
    pub noted: Option<Duration>,
    /// It counts as a handshake.
    pub half: bool,
    /// When it began.
    pub since: Duration,
    /// Who waits for the guest's answer.
    pub outcome: Option<Outcome>,
}

/// How far a connection is.
pub enum Side {
    /// The host is connecting; the guest's first segment, as an IP packet, waits.
    Connecting {
        /// The socket.
        host: Host,
        /// The packet.
        syn: Vec<u8>,
    },
    /// From the one to the other.
    Moving,
    /// Both ends talk TCP.
    Open(Box<Flow>),
}

/// Finds connections.
#[derive(Default)]
pub struct Table {
    entries: Slab<Entry>,
    by_key: HashMap<Key, usize>,
    serial: u64,
    of_port: HashMap<PortId, usize>,
    handshakes: HashMap<PortId, VecDeque<FlowId>>,
    orphans: usize,
}

impl Table {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether a VM may have one more, when `free` sockets are left for all. Those of VMs that are
    /// away count as nobody's: they give way.
    pub fn has_room(&self, port: Option<PortId>, free: usize) -> bool {
        let left = free.min(MOST.saturating_sub(self.len()));
        let used = port.map_or(0, |port| self.count(port));
        left > 0 && may_have_more(used, left + self.orphans)
    }

    /// How many a VM has.
    pub fn count(&self, port: PortId) -> usize {
        self.of_port.get(&port).copied().unwrap_or(0)
    }

    /// The VM that has most, and how many.
    pub fn most(&self) -> Option<(PortId, usize)> {
        self.of_port.iter().map(|(port, count)| (*port, *count)).max_by_key(|(_, count)| *count)
    }

    /// A VM's oldest one.
    pub fn oldest(&self, port: PortId) -> Option<FlowId> {
        let of_port = self.entries.iter().map(|(_, entry)| entry).filter(|e| e.port == Some(port));
        of_port.min_by_key(|entry| entry.since).map(|entry| entry.id)
    }

    /// Whether a VM may begin one more handshake; the one that has to give way for it, if any.
    ///
    /// # Errors
    /// It has to wait.
    pub fn may_begin(&mut self, port: PortId, now: Duration) -> Result<Option<FlowId>, ()> {
        let Some(queue) = self.handshakes.get_mut(&port) else { return Ok(None) };
        if queue.len() < HANDSHAKES {
            return Ok(None);
        }
        queue.retain(|id| half_open(&self.entries, *id));
        if queue.len() < HANDSHAKES {
            return Ok(None);
        }
        let oldest = queue.front().and_then(|id| self.entries.get(id.slot));
        match oldest.filter(|entry| now.saturating_sub(entry.since) >= STALE) {
            Some(entry) => Ok(Some(entry.id)),
            None => Err(()),
        }
    }

    /// Adds one; one of a VM counts as a handshake.
    pub fn add(
        &mut self,
        key: Key,
        mac: Mac,
        port: Option<PortId>,
        side: Side,
        since: Duration,
    ) -> FlowId {
        self.serial += 1;
        let id = FlowId { slot: self.entries.vacant_key(), serial: self.serial };
        let (queued, blocked, noted, outcome) = (false, false, None, None);
        let half = port.is_some();
        self.entries.insert(Entry {
            id,
            key,
            mac,
            port,
            orphan: false,
            side,
            queued,
            blocked,
            noted,
            half,
            since,
            outcome,
        });
        self.by_key.insert(key, id.slot);
        if let Some(port) = port {
            *self.of_port.entry(port).or_default() += 1;
            let queue = self.handshakes.entry(port).or_default();
            // Most are done soon: their places are made free here.
            while queue.front().is_some_and(|id| !half_open(&self.entries, *id)) {
                queue.pop_front();
            }
            queue.push_back(id);
        }
        id
    }

    /// Whether the VM that asks for this one has more handshakes going than a VM in a hurry has.
    pub fn is_flooded(&mut self, id: FlowId) -> bool {
        let port = self.get(id).and_then(|entry| entry.port);
        let queue = port.and_then(|port| self.handshakes.get(&port));
        queue.is_some_and(|queue| queue.len() > FLOOD)
    }

    /// The one with this number.
    pub fn get(&mut self, id: FlowId) -> Option<&mut Entry> {
        self.entries.get_mut(id.slot).filter(|entry| entry.id == id)
    }

    /// The one at this place.
    pub fn at(&mut self, slot: usize) -> Option<&mut Entry> {
        self.entries.get_mut(slot)
    }

    /// The one between these ends.
    pub fn find(&self, key: &Key) -> Option<usize> {
        self.by_key.get(key).copied()
    }

    /// Those of a VM.
    pub fn of(&self, mac: Mac) -> Vec<FlowId> {
        self.entries.iter().map(|(_, entry)| entry).filter(|e| e.mac == mac).map(|e| e.id).collect()
    }

    /// Takes it out.
    pub fn remove(&mut self, id: FlowId) -> Option<Entry> {
        self.get(id)?;
        let entry = self.entries.remove(id.slot);
        self.orphans -= usize::from(entry.orphan);
        self.by_key.remove(&entry.key);
        if let Some(count) = entry.port.and_then(|port| self.of_port.get_mut(&port)) {
            *count -= 1;
        }
        Some(entry)
    }

    /// Forgets a port's counts once the VM is gone. Its connections may still be there, for when
    /// it comes back: returns whether some are.
    pub fn forget(&mut self, port: PortId) -> bool {
        let before = self.orphans;
        self.of_port.remove(&port);
        self.handshakes.remove(&port);
        for (_, entry) in &mut self.entries {
            if entry.port == Some(port) {
                entry.port = None;
                entry.orphan = true;
                self.orphans += 1;
            }
        }
        self.orphans > before
    }

    /// VMs may be back, behind the ports that `behind` tells: their connections count again.
    pub fn adopt(&mut self, behind: impl Fn(Mac) -> Option<PortId>) {
        if self.orphans == 0 {
            return;
        }
        for (_, entry) in self.entries.iter_mut().filter(|(_, entry)| entry.orphan) {
            let Some(port) = behind(entry.mac) else { continue };
            entry.port = Some(port);
            entry.orphan = false;
            self.orphans -= 1;
            *self.of_port.entry(port).or_default() += 1;
            if entry.half {
                self.handshakes.entry(port).or_default().push_back(entry.id);
            }
        }
    }

    /// The connection that gives way to a new one when no socket is left: one of a VM that is away,
    /// which counts for nobody.
    pub fn gives_way(&self, free: usize) -> Option<FlowId> {
        if self.orphans == 0 || free > 0 && self.len() < MOST {
            return None;
        }
        self.entries.iter().find(|(_, entry)| entry.orphan).map(|(_, entry)| entry.id)
    }
}

fn half_open(entries: &Slab<Entry>, id: FlowId) -> bool {
    entries.get(id.slot).is_some_and(|entry| entry.id == id && entry.half)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddrV4;
    use std::time::Duration;

    use super::{Key, Side, Table};
    use crate::wire::Mac;

    const VM: Mac = Mac([2; 6]);

    /// Sockets.
    const ALL: usize = 100;

    fn fill(table: &mut Table, port: usize) -> usize {
        let before = table.len();
        while table.has_room(Some(port), ALL - table.len()) {
            let number = u16::try_from(table.len()).unwrap();
            let guest = SocketAddrV4::new([10, 0, 0, 1].into(), number);
            let key = Key { guest, remote: SocketAddrV4::new([10, 0, 0, 2].into(), 80) };
            table.add(key, VM, Some(port), Side::Moving, Duration::ZERO);
        }
        table.len() - before
    }

    #[test]
    fn connections_of_a_vm_that_is_plugged_in_anew_count() {
        let mut table = Table::default();
        assert_eq!(fill(&mut table, 1), 75, "three quarters are for one");
        assert!(table.forget(1));
        table.adopt(|mac| (mac == VM).then_some(2));
        assert!(!table.has_room(Some(2), 25), "it has its share");
        assert!(table.has_room(Some(3), 25));
        assert_eq!(table.gives_way(0), None);
        let ids = table.of(VM);
        ids.iter().for_each(|id| drop(table.remove(*id)));
        assert_eq!(fill(&mut table, 2), 75, "and can have it again");
    }

    #[test]
    fn connections_of_a_vm_that_is_away_give_way() {
        let mut table = Table::default();
        fill(&mut table, 1);
        table.forget(1);
        assert_eq!(table.gives_way(ALL - table.len()), None, "there is room");
        fill(&mut table, 2);
        assert_eq!(table.len(), ALL);
        let mut of_3 = 0;
        while let Some(id) = table.gives_way(0) {
            table.remove(id);
            let more = fill(&mut table, 3);
            of_3 += more;
            if more == 0 {
                break;
            }
        }
        assert!((50..60).contains(&of_3), "three quarters of what VM 2 left: {of_3}");
    }
}
