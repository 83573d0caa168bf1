//! When connections need a turn though nothing happens.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::FlowId;

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
