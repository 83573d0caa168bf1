//! A limit on how much runs at once, in which whoever holds up the most goes first.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// So many who come later may overtake for each step that waits behind them: enough for any plan,
/// and an end to it, so that nobody waits for ever.
const OVERTAKERS: u64 = 1 << 20;

/// Room for a fixed number.
#[derive(Clone)]
pub(crate) struct Room(Arc<Mutex<Inner>>);

struct Inner {
    free: usize,
    came: u64,
    /// Those who wait, the next one first. The second number tells them apart.
    waiting: BTreeMap<(u64, u64), oneshot::Sender<Place>>,
}

/// A place in a room; it is free again when this is dropped.
pub(crate) struct Place(Option<Room>);

/// A place that was asked for; who drops it gives up.
pub(crate) enum Waiting {
    Place(Place),
    Turn(oneshot::Receiver<Place>),
}

impl Room {
    pub(crate) fn new(places: usize) -> Self {
        let inner = Inner { free: places.max(1), came: 0, waiting: BTreeMap::new() };
        Self(Arc::new(Mutex::new(inner)))
    }

    /// Asks for a place, at once. `behind` is how many steps wait one after another for the one
    /// that enters.
    pub(crate) fn ask(&self, behind: usize) -> Waiting {
        let mut inner = self.lock();
        if inner.free > 0 {
            inner.free -= 1;
            return Waiting::Place(Place(Some(self.clone())));
        }
        inner.came += 1;
        let (sender, place) = oneshot::channel();
        let head_start = OVERTAKERS.saturating_mul(behind as u64);
        // Counted from a large number, because who is next has the smallest.
        let rank = (u64::MAX / 2 + inner.came).saturating_sub(head_start);
        let came = inner.came;
        inner.waiting.insert((rank, came), sender);
        Waiting::Turn(place)
    }

    /// Hands a place that is free to the next who still waits.
    fn hand_on(&self) {
        loop {
            let next = {
                let mut inner = self.lock();
                match inner.waiting.pop_first() {
                    Some((_, next)) => next,
                    None => {
                        inner.free += 1;
                        return;
                    }
                }
            };
            match next.send(Place(Some(self.clone()))) {
                Ok(()) => return,
                // It gave up waiting; its place must not be handed on a second time when dropped.
                Err(mut place) => drop(place.0.take()),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Whole at every moment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Waits for the place.
    pub(crate) async fn place(self) -> Place {
        match self {
            Self::Place(place) => place,
            Self::Turn(place) => {
                place.await.expect("a room hands its places on as long as somebody waits")
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(room) = self.0.take() {
            room.hand_on();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{sleep, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_one_with_the_most_behind_it_is_next_and_else_the_first() {
        let (room, order) = (Room::new(1), Arc::new(Mutex::new(Vec::new())));
        let held = room.ask(0).place().await;
        let mut tasks = tokio::task::JoinSet::new();
        for (name, behind) in [("a", 0), ("b", 3), ("c", 1), ("d", 3)] {
            let (room, order) = (room.clone(), Arc::clone(&order));
            tasks.spawn(async move {
                let _place = room.ask(behind).place().await;
                order.lock().expect("whole").push(name);
            });
            sleep(Duration::from_millis(1)).await;
        }
        drop(held);
        while tasks.join_next().await.is_some() {}
        assert_eq!(*order.lock().expect("whole"), ["b", "d", "c", "a"]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_takes_no_place_with_it() {
        let room = Room::new(2);
        let held = [room.ask(0).place().await, room.ask(0).place().await];
        for _ in 0..5 {
            timeout(Duration::from_secs(1), room.ask(9).place()).await.err().expect("full");
        }
        drop(held);
        let _two = [room.ask(0).place().await, room.ask(0).place().await];
        timeout(Duration::from_secs(1), room.ask(0).place()).await.err().expect("no more than two");
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_was_handed_over_and_not_taken_is_free() {
        let room = Room::new(1);
        let held = room.ask(0).place().await;
        let mut waits = Box::pin(room.ask(0).place());
        assert!(timeout(Duration::from_secs(1), &mut waits).await.is_err());
        drop(held);
        // Handed over, and never looked at.
        drop(waits);
        timeout(Duration::from_secs(1), room.ask(0).place()).await.expect("free");
    }
}
