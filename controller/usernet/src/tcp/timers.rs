//! When connections need a turn though nothing happens.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::FlowId;

/// Deadlines that may be there for nothing.
const SPARE: usize = 4096;

/// Deadlines in order. One that moved back is found out when it comes, so that a connection
/// whose deadline moves with every packet costs nothing here.
#[derive(Debug, Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<(Duration, FlowId)>>,
}

impl Timers {
    /// Has the connection be due then. `noted` is the earliest time that is already noted for it.
    pub fn set(&mut self, id: FlowId, at: Duration, noted: &mut Option<Duration>) {
        if noted.is_none_or(|noted| at < noted) {
            *noted = Some(at);
            self.heap.push(Reverse((at, id)));
        }
    }

    /// Takes out what nobody waits for any longer, once that is most of it: what a guest begins and
    /// ends at once would stay until it is due. `count` is how many connections there are.
    pub fn tidy(&mut self, count: usize, mut waits: impl FnMut(FlowId, Duration) -> bool) {
        if self.heap.len() > SPARE + 2 * count {
            self.heap.retain(|Reverse((at, id))| waits(*id, *at));
        }
    }

    /// The next connection that is due.
    pub fn pop(&mut self, now: Duration) -> Option<(Duration, FlowId)> {
        let Reverse((at, _)) = self.heap.peek()?;
        if *at > now {
            return None;
        }
        self.heap.pop().map(|Reverse(next)| next)
    }

    /// When the next one is due.
    pub fn next(&self) -> Option<Duration> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{FlowId, SPARE, Timers};

    #[test]
    fn what_is_over_does_not_pile_up() {
        let mut timers = Timers::default();
        for serial in 0..100_000 {
            timers.set(FlowId { slot: 0, serial }, Duration::from_secs(75), &mut None);
            // The last ten are still there.
            timers.tidy(10, |id, _| id.serial + 10 > serial);
            assert!(timers.heap.len() <= SPARE + 21);
        }
        timers.tidy(0, |_, _| false);
        assert!(timers.next().is_some(), "a few don't matter");
    }
}
