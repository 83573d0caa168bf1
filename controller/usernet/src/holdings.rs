//! What each VM has of something, oldest first, and who has most. Each question and each change
//! takes the same time, however much all of them have: a guest can cause one with every packet.

use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::switch::PortId;

/// How many that are over may stay in a list besides as many as are not.
const SPARE: usize = 64;

/// What one VM has.
#[derive(Debug)]
struct Holding<I> {
    count: usize,
    /// Also some that are over; they are taken out when they are most.
    order: VecDeque<I>,
}

/// What all have, by names that are never used again.
#[derive(Debug)]
pub struct Holdings<I> {
    of: HashMap<PortId, Holding<I>>,
    ranked: BTreeSet<(usize, PortId)>,
}

impl<I> Default for Holdings<I> {
    fn default() -> Self {
        Self { of: HashMap::new(), ranked: BTreeSet::new() }
    }
}

impl<I> Holdings<I> {
    /// How many a VM has.
    pub fn count(&self, port: PortId) -> usize {
        self.of.get(&port).map_or(0, |holding| holding.count)
    }

    /// The VM that has most, and how many.
    pub fn most(&self) -> Option<(PortId, usize)> {
        self.ranked.last().map(|(count, port)| (*port, *count))
    }

    /// A VM has one more; `lives` tells which of those before are not over.
    pub fn add(&mut self, port: PortId, id: I, lives: impl FnMut(&I) -> bool) {
        let before = self.count(port);
        let holding =
            self.of.entry(port).or_insert_with(|| Holding { count: 0, order: VecDeque::new() });
        if holding.order.len() > SPARE + 2 * before {
            holding.order.retain(lives);
        }
        holding.order.push_back(id);
        holding.count += 1;
        self.rank(port, before, before + 1);
    }

    /// One of a VM's is over.
    pub fn remove(&mut self, port: PortId) {
        let before = self.count(port);
        let Some(holding) = self.of.get_mut(&port) else { return };
        holding.count -= 1;
        if holding.count == 0 {
            self.of.remove(&port);
        }
        self.rank(port, before, before - 1);
    }

    /// A VM's oldest that is not over.
    pub fn oldest(&mut self, port: PortId, mut lives: impl FnMut(&I) -> bool) -> Option<&I> {
        let order = &mut self.of.get_mut(&port)?.order;
        while order.front().is_some_and(|id| !lives(id)) {
            order.pop_front();
        }
        order.front()
    }

    /// A VM is gone: it has nothing any more. Returns what it had, and some that were over.
    pub fn forget(&mut self, port: PortId) -> impl Iterator<Item = I> {
        self.rank(port, self.count(port), 0);
        self.of.remove(&port).into_iter().flat_map(|holding| holding.order)
    }

    fn rank(&mut self, port: PortId, before: usize, now: usize) {
        self.ranked.remove(&(before, port));
        if now > 0 {
            self.ranked.insert((now, port));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::VecDeque;

    use super::{Holdings, SPARE};

    #[test]
    fn the_oldest_and_who_has_most_are_found() {
        let mut all = Holdings::default();
        for id in 0..10 {
            all.add(1, id, |_| true);
        }
        (10..13).for_each(|id| all.add(2, id, |_| true));
        assert_eq!((all.most(), all.count(2)), (Some((1, 10)), 3));
        assert_eq!(all.oldest(1, |id| *id > 4), Some(&5));
        (0..8).for_each(|_| all.remove(1));
        assert_eq!((all.most(), all.count(1)), (Some((2, 3)), 2));
        assert_eq!(all.forget(2).collect::<Vec<_>>(), [10, 11, 12]);
        assert_eq!(all.most(), Some((1, 2)));
        (0..2).for_each(|_| all.remove(1));
        assert_eq!((all.most(), all.count(1), all.oldest(1, |_| true)), (None, 0, None));
    }

    /// As when no socket is left: each that begins has the oldest end. And as connections end
    /// that were begun last.
    #[test]
    fn the_work_for_each_does_not_grow_with_how_many_there_are() {
        for many in [100, 16_000] {
            let (mut all, looks) = (Holdings::default(), Cell::new(0));
            let (mut living, mut next) = (VecDeque::new(), 0..);
            let mut begin = |all: &mut Holdings<usize>, living: &mut VecDeque<usize>| {
                let id = next.next().unwrap();
                let lives = |id: &usize| {
                    looks.set(looks.get() + 1);
                    living.binary_search(id).is_ok()
                };
                all.add(1, id, lives);
                living.push_back(id);
            };
            (0..many).for_each(|_| begin(&mut all, &mut living));
            for turn in 0..4 * many {
                let lives = |id: &usize| {
                    looks.set(looks.get() + 1);
                    living.binary_search(id).is_ok()
                };
                assert_eq!(all.oldest(1, lives), living.front());
                let over = if turn % 2 == 0 { living.pop_front() } else { living.pop_back() };
                assert!(over.is_some());
                all.remove(1);
                begin(&mut all, &mut living);
                assert!(all.of[&1].order.len() <= SPARE + 2 * many + 1);
            }
            assert!(looks.get() <= 4 * 5 * many, "{} looks for {many}", looks.get());
        }
    }
}
