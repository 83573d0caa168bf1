//! Sockets of the host that serve guests' datagrams, and how many there may be.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use slab::Slab;

use crate::holdings::Holdings;
use crate::share::may_have_more;
use crate::switch::PortId;

/// Flows of one VM; the oldest gives way.
const MOST_OF_ONE: usize = 1024;

/// A flow: what names it, and when it was last used.
#[derive(Debug)]
pub struct Entry<K, F> {
    /// Its name.
    pub key: K,
    /// What serves it.
    pub flow: F,
    /// The VM whose it is.
    pub port: PortId,
    used: Duration,
    serial: u64,
}

/// A flow's place, and what tells it from others at the same place.
type FlowId = (usize, u64);

/// Sockets of the host, by the VM that has them.
pub trait Sockets {
    /// How many a VM has.
    fn count(&self, port: PortId) -> usize;

    /// The VM that has most, and how many.
    fn most(&self) -> Option<(PortId, usize)>;

    /// Ends a VM's oldest.
    fn end_oldest(&mut self, port: PortId);
}

impl<K: Copy + Eq + Hash, F> Sockets for Flows<K, F> {
    fn count(&self, port: PortId) -> usize {
        self.held.count(port)
    }

    fn most(&self) -> Option<(PortId, usize)> {
        self.held.most()
    }

    fn end_oldest(&mut self, port: PortId) {
        let entries = &self.entries;
        let oldest = self.held.oldest(port, |id| lives(entries, *id)).copied();
        oldest.into_iter().for_each(|(slot, _)| self.remove(slot));
    }
}

/// Flows by name, with a bound for each VM.
#[derive(Debug)]
pub struct Flows<K, F> {
    entries: Slab<Entry<K, F>>,
    by_key: HashMap<K, usize>,
    held: Holdings<FlowId>,
    serial: u64,
    idle: Duration,
}

fn lives<K, F>(entries: &Slab<Entry<K, F>>, (slot, serial): FlowId) -> bool {
    entries.get(slot).is_some_and(|entry| entry.serial == serial)
}

impl<K: Copy + Eq + Hash, F> Flows<K, F> {
    /// Flows that end when they were not used for so long.
    pub fn new(idle: Duration) -> Self {
        let (by_key, held) = (HashMap::new(), Holdings::default());
        Self { entries: Slab::new(), by_key, held, serial: 0, idle }
    }

    /// The flow of this name; it counts as used.
    pub fn find(&mut self, key: &K, now: Duration) -> Option<&mut Entry<K, F>> {
        let entry = self.entries.get_mut(*self.by_key.get(key)?)?;
        entry.used = now;
        Some(entry)
    }

    /// The flow at this place; it counts as used.
    pub fn at(&mut self, slot: usize, now: Duration) -> Option<&mut Entry<K, F>> {
        let entry = self.entries.get_mut(slot)?;
        entry.used = now;
        Some(entry)
    }

    /// Where the next one will be.
    pub fn next_slot(&self) -> usize {
        self.entries.vacant_key()
    }

    /// Adds one for a VM.
    pub fn add(&mut self, port: PortId, key: K, flow: F, now: Duration) {
        self.serial += 1;
        let entry = Entry { key, flow, port, used: now, serial: self.serial };
        let slot = self.entries.insert(entry);
        self.by_key.insert(key, slot);
        let entries = &self.entries;
        self.held.add(port, (slot, self.serial), |id| lives(entries, *id));
    }

    /// Makes room for one more of this VM, when all VMs together may have so many more: its own
    /// oldest gives way, if it has as many as it may. `false`: it has none, and nothing is left.
    pub fn make_room(&mut self, port: PortId, free: usize) -> bool {
        let used = self.count(port);
        if used < MOST_OF_ONE && may_have_more(used, free) {
            return true;
        }
        self.end_oldest(port);
        used > 0
    }

    /// Ends one.
    pub fn remove(&mut self, slot: usize) {
        if let Some(entry) = self.entries.try_remove(slot) {
            self.by_key.remove(&entry.key);
            self.held.remove(entry.port);
        }
    }

    /// Ends those of a VM that is gone: what still comes for it is for no other.
    pub fn forget(&mut self, port: PortId) {
        for id in self.held.forget(port) {
            if lives(&self.entries, id) {
                let entry = self.entries.remove(id.0);
                self.by_key.remove(&entry.key);
            }
        }
    }

    /// Ends those that were not used for long.
    pub fn sweep(&mut self, now: Duration) {
        let idle = self.idle;
        self.end_if(|entry| now.saturating_sub(entry.used) >= idle);
    }

    /// Ends those of which this is true.
    pub fn end_if(&mut self, is_over: impl Fn(&Entry<K, F>) -> bool) {
        let over = self.entries.iter().filter(|(_, entry)| is_over(entry)).map(|(slot, _)| slot);
        over.collect::<Vec<_>>().into_iter().for_each(|slot| self.remove(slot));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Flows, MOST_OF_ONE, Sockets};

    #[test]
    fn the_oldest_gives_way_and_idle_ones_end() {
        let mut flows = Flows::new(Duration::from_secs(90));
        for key in 0..2 * MOST_OF_ONE {
            assert!(flows.make_room(1, 1 << 20));
            flows.add(1, key, (), Duration::ZERO);
        }
        flows.add(2, usize::MAX, (), Duration::ZERO);
        assert_eq!(flows.len(), MOST_OF_ONE + 1);
        assert!(flows.find(&0, Duration::ZERO).is_none());
        assert!(flows.find(&usize::MAX, Duration::from_secs(50)).is_some());
        flows.sweep(Duration::from_secs(100));
        assert_eq!((flows.len(), flows.count(1), flows.count(2)), (1, 0, 1));
        flows.forget(2);
        assert!(flows.find(&usize::MAX, Duration::from_secs(100)).is_none());
        assert_eq!((flows.len(), flows.most()), (0, None));
    }

    #[test]
    fn what_all_share_is_shared_fairly() {
        const ALL: usize = 400;
        let mut flows = Flows::new(Duration::from_secs(90));
        let mut key = 0;
        let mut ask = |flows: &mut Flows<usize, ()>, port, times| {
            for _ in 0..times {
                if flows.make_room(port, ALL - flows.len()) {
                    key += 1;
                    flows.add(port, key, (), Duration::ZERO);
                }
            }
            flows.count(port)
        };
        assert_eq!(ask(&mut flows, 1, 2000), 300, "three quarters are for one");
        assert_eq!(ask(&mut flows, 2, 2000), 75);
        assert_eq!(ask(&mut flows, 1, 2000), 300, "its own give way");
        assert_eq!((flows.most(), flows.len()), (Some((1, 300)), 375));
        (0..300).for_each(|_| flows.end_oldest(1));
        assert_eq!((flows.most(), flows.len()), (Some((2, 75)), 75));
    }
}
