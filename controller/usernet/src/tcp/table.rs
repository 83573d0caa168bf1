//! The connections that there are, and how many there may be.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use slab::Slab;
use tokio::sync::oneshot;

use super::{Flow, Host, Key};
use crate::holdings::Holdings;
use crate::share::may_have_more;
use crate::switch::{Card, PortId};
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
    /// The port of the VM whose it is; `None` for one to a VM that is away.
    pub port: Option<PortId>,
    /// The VM began it, so it counts as one of its own.
    pub counts: bool,
    /// The card of its VM, which was unplugged and may come back.
    pub orphan: Option<Card>,
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
    /// Those that VMs began.
    held: Holdings<FlowId>,
    /// Of these, the handshakes.
    handshakes: Holdings<FlowId>,
    orphans: BTreeSet<FlowId>,
}

/// What a VM that is gone left behind.
#[derive(Debug, PartialEq, Eq)]
pub struct Left {
    /// Whether there are connections for when it comes back.
    pub waits: bool,
    /// Those that are to end.
    pub strays: Vec<FlowId>,
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
        left > 0 && may_have_more(used, left + self.orphans.len())
    }

    /// How many a VM has.
    pub fn count(&self, port: PortId) -> usize {
        self.held.count(port)
    }

    /// The VM that has most, and how many.
    pub fn most(&self) -> Option<(PortId, usize)> {
        self.held.most()
    }

    /// A VM's oldest one.
    pub fn oldest(&mut self, port: PortId) -> Option<FlowId> {
        self.held.oldest(port, |id| lives(&self.entries, *id)).copied()
    }

    /// Whether a VM may begin one more handshake; the one that has to give way for it, if any.
    ///
    /// # Errors
    /// It has to wait.
    pub fn may_begin(&mut self, port: PortId, now: Duration) -> Result<Option<FlowId>, ()> {
        if self.handshakes.count(port) < HANDSHAKES {
            return Ok(None);
        }
        let oldest = self.handshakes.oldest(port, |id| is_half_open(&self.entries, *id));
        let oldest = oldest.and_then(|id| self.entries.get(id.slot));
        match oldest.filter(|entry| now.saturating_sub(entry.since) >= STALE) {
            Some(entry) => Ok(Some(entry.id)),
            None => Err(()),
        }
    }

    /// Adds one; one that a VM began `counts`, as a handshake, too.
    pub fn add(
        &mut self,
        key: Key,
        mac: Mac,
        port: Option<PortId>,
        counts: bool,
        side: Side,
        since: Duration,
    ) -> FlowId {
        self.serial += 1;
        let id = FlowId { slot: self.entries.vacant_key(), serial: self.serial };
        self.entries.insert(Entry {
            id,
            key,
            mac,
            port,
            counts,
            orphan: None,
            side,
            queued: false,
            blocked: false,
            noted: None,
            half: counts,
            since,
            outcome: None,
        });
        self.by_key.insert(key, id.slot);
        self.count_in(id);
        id
    }

    /// Counts one where it belongs.
    fn count_in(&mut self, id: FlowId) {
        let entries = &self.entries;
        let Some(Entry { port: Some(port), counts: true, half, .. }) = entries.get(id.slot) else {
            return;
        };
        self.held.add(*port, id, |id| lives(entries, *id));
        if *half {
            self.handshakes.add(*port, id, |id| is_half_open(entries, *id));
        }
    }

    /// Its handshake is done.
    pub fn opened(&mut self, id: FlowId) {
        let Some(entry) = self.get(id) else { return };
        if std::mem::take(&mut entry.half)
            && let Some(port) = entry.port
        {
            self.handshakes.remove(port);
        }
    }

    /// Whether the VM that asks for this one has more handshakes going than a VM in a hurry has.
    pub fn is_flooded(&mut self, id: FlowId) -> bool {
        let port = self.get(id).and_then(|entry| entry.port);
        port.is_some_and(|port| self.handshakes.count(port) > FLOOD)
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

    /// Those of a VM that is away.
    pub fn orphans_of(&self, card: Card) -> Vec<FlowId> {
        let entries = self.entries.iter().map(|(_, entry)| entry);
        entries.filter(|entry| entry.orphan == Some(card)).map(|entry| entry.id).collect()
    }

    /// Those of these ports under these addresses.
    pub fn under(&self, names: &HashSet<(PortId, Mac)>) -> Vec<FlowId> {
        let entries = self.entries.iter().map(|(_, entry)| entry);
        let is_under =
            |entry: &&Entry| entry.port.is_some_and(|it| names.contains(&(it, entry.mac)));
        entries.filter(is_under).map(|entry| entry.id).collect()
    }

    /// Takes it out.
    pub fn remove(&mut self, id: FlowId) -> Option<Entry> {
        self.get(id)?;
        let entry = self.entries.remove(id.slot);
        self.orphans.remove(&id);
        self.by_key.remove(&entry.key);
        if let Some(port) = entry.port.filter(|_| entry.counts) {
            self.held.remove(port);
            if entry.half {
                self.handshakes.remove(port);
            }
        }
        Some(entry)
    }

    /// A VM is gone. Its connections may stay for when it comes back: those under its own card's
    /// address, if that is kept for it. Under another, any VM could take them over.
    pub fn forget(&mut self, port: PortId, card: Option<Card>) -> Left {
        self.held.forget(port).for_each(drop);
        self.handshakes.forget(port).for_each(drop);
        let mut left = Left { waits: false, strays: Vec::new() };
        for (_, entry) in self.entries.iter_mut().filter(|(_, entry)| entry.port == Some(port)) {
            entry.port = None;
            if card.is_some_and(|card| card.mac == entry.mac) {
                entry.orphan = card;
                self.orphans.insert(entry.id);
                left.waits = true;
            } else {
                left.strays.push(entry.id);
            }
        }
        left
    }

    /// VMs may be back, behind the ports that `back` tells: their connections are theirs again.
    pub fn adopt(&mut self, back: impl Fn(Card) -> Option<PortId>) {
        let mut adopted = Vec::new();
        for id in &self.orphans {
            let Some(entry) = self.entries.get_mut(id.slot) else { continue };
            let Some(port) = entry.orphan.and_then(&back) else { continue };
            (entry.port, entry.orphan) = (Some(port), None);
            adopted.push(*id);
        }
        // As old as they were.
        adopted.sort_by_key(|id| id.serial);
        for id in adopted {
            self.orphans.remove(&id);
            self.count_in(id);
        }
    }

    /// The connection that gives way to a new one when no socket is left: one of a VM that is away,
    /// which counts for nobody.
    pub fn gives_way(&self, free: usize) -> Option<FlowId> {
        if free > 0 && self.len() < MOST {
            return None;
        }
        self.orphans.first().copied()
    }
}

fn lives(entries: &Slab<Entry>, id: FlowId) -> bool {
    entries.get(id.slot).is_some_and(|entry| entry.id == id)
}

fn is_half_open(entries: &Slab<Entry>, id: FlowId) -> bool {
    entries.get(id.slot).is_some_and(|entry| entry.id == id && entry.half)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddrV4;
    use std::time::Duration;

    use super::{Card, Key, Side, Table};
    use crate::wire::Mac;

    const VM: Mac = Mac([2; 6]);
    const CARD: Card = Card { mac: VM, pid: Some(7) };

    /// Sockets.
    const ALL: usize = 100;

    fn fill(table: &mut Table, port: usize) -> usize {
        let before = table.len();
        while table.has_room(Some(port), ALL - table.len()) {
            let number = u16::try_from(table.len()).unwrap();
            let guest = SocketAddrV4::new([10, 0, 0, 1].into(), number);
            let key = Key { guest, remote: SocketAddrV4::new([10, 0, 0, 2].into(), 80) };
            table.add(key, VM, Some(port), true, Side::Moving, Duration::ZERO);
        }
        table.len() - before
    }

    #[test]
    fn connections_of_a_vm_that_is_plugged_in_anew_count() {
        let mut table = Table::default();
        assert_eq!(fill(&mut table, 1), 75, "three quarters are for one");
        assert_eq!(table.forget(1, Some(CARD)), super::Left { waits: true, strays: vec![] });
        let ids = table.orphans_of(CARD);
        assert!(table.orphans_of(Card { mac: VM, pid: Some(8) }).is_empty(), "another process");
        table.adopt(|card| (card == CARD).then_some(2));
        assert!(table.orphans_of(CARD).is_empty());
        assert!(!table.has_room(Some(2), 25), "it has its share");
        assert!(table.has_room(Some(3), 25));
        assert_eq!(table.gives_way(0), None);
        ids.iter().for_each(|id| drop(table.remove(*id)));
        assert_eq!(fill(&mut table, 2), 75, "and can have it again");
    }

    #[test]
    fn connections_under_an_address_that_others_can_use_end_with_their_vm() {
        let mut table = Table::default();
        fill(&mut table, 1);
        let left = table.forget(1, Some(Card { mac: Mac([4; 6]), pid: None }));
        assert_eq!((left.waits, left.strays.len()), (false, 75));
        table.adopt(|_| Some(2));
        assert_eq!(table.count(2), 0, "nobody else gets them");
        left.strays.iter().for_each(|id| drop(table.remove(*id)));
        assert_eq!((table.len(), table.most()), (0, None));
    }

    #[test]
    fn connections_of_a_vm_that_is_away_give_way() {
        let mut table = Table::default();
        fill(&mut table, 1);
        table.forget(1, Some(CARD));
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
