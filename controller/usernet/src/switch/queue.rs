//! What a port's peer has not taken yet, and how much of that there may be in all.

use std::collections::VecDeque;
use std::ops::Range;

use super::switch::PORTS;
use crate::share::may_have_more;
use crate::wire::frames::{Frames, PREFIX};

/// What each queue has for itself: room for the longest frame.
const OWN: usize = 66 << 10;

/// How much waits for a slow peer; what comes then is dropped, as by any switch. At a gigabit per
/// second this is 17 ms.
const LIMIT: usize = OWN << 5;

/// How much waits for all of them, with the room that queues have and don't use.
#[cfg(test)]
const TOTAL: usize = SHARED + PORTS * OWN;

/// What all queues share beyond their own.
const SHARED: usize = (128 << 20) - PORTS * OWN;

/// What is left of that which all queues share.
#[derive(Debug)]
pub struct Pool {
    free: usize,
}

impl Default for Pool {
    fn default() -> Self {
        Self { free: SHARED }
    }
}

impl Pool {
    /// Gives a queue that has `used` so much more, unless that is more than its share.
    fn take(&mut self, used: usize, more: usize) -> bool {
        let fits = more <= self.free && may_have_more(used, self.free);
        if fits {
            self.free -= more;
        }
        fits
    }
}

/// Whole frames with their lengths before them, but for the first, which may have been begun.
#[derive(Debug, Default)]
pub struct Queue {
    bytes: VecDeque<u8>,
    /// How long it may become: what it was given.
    room: usize,
}

impl Queue {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many bytes wait.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// What waits.
    pub fn waiting(&self) -> [&[u8]; 2] {
        self.part(0..self.len())
    }

    fn part(&self, range: Range<usize>) -> [&[u8]; 2] {
        let (front, back) = self.bytes.as_slices();
        let (start, end) = (range.start.min(front.len()), range.end.min(front.len()));
        let rest = range.start - start..range.end - end;
        [&front[start..end], &back[rest]]
    }

    /// The peer took the first `count` bytes of what waits.
    pub fn take(&mut self, pool: &mut Pool, count: usize) {
        self.bytes.drain(..count);
        if self.is_empty() && self.room > OWN {
            self.clear(pool);
        }
    }

    /// Forgets what waits, and gives its room back.
    pub fn clear(&mut self, pool: &mut Pool) {
        pool.free += self.room.saturating_sub(OWN);
        *self = Self::default();
    }

    /// Adds frames as long as there is room; returns how many were dropped. The first `begun`
    /// bytes of `stream` were already taken, since nothing waited; the frame in which they end is
    /// added in any case, since half a frame would garble all that follow.
    pub fn add(&mut self, pool: &mut Pool, stream: &[u8], begun: usize) -> u64 {
        if begun == 0 && self.fits(pool, stream.len()) {
            self.bytes.extend(stream);
            return 0;
        }
        let (mut frames, mut dropped) = (Frames::new(stream), 0);
        while let Ok(Some(range)) = frames.next_range() {
            if range.end <= begun {
                continue;
            }
            let rest = range.start.max(begun)..range.end;
            if self.fits(pool, rest.len()) || range.start < begun {
                self.bytes.extend(&stream[rest]);
            } else {
                dropped += 1;
            }
        }
        dropped
    }

    /// Whether there is room for so much more; gets it if it may.
    fn fits(&mut self, pool: &mut Pool, more: usize) -> bool {
        let wanted = self.len() + more;
        if wanted <= self.room {
            return true;
        }
        let mut rooms = (0..).map(|n| OWN << n).take_while(|room| *room <= LIMIT);
        let Some(room) = rooms.find(|room| *room >= wanted) else { return false };
        let used = self.room.max(OWN) - OWN;
        let fits = room == OWN || pool.take(used, room - OWN - used);
        if fits {
            self.room = room;
            self.bytes.reserve_exact(room - self.bytes.len());
        }
        fits
    }

    /// The first frame, without its length, of a queue of which no frame was begun.
    pub fn first(&self) -> Option<[&[u8]; 2]> {
        let end = PREFIX + self.first_length()?;
        (end <= self.len()).then(|| self.part(PREFIX..end))
    }

    /// The length that is said before it.
    pub fn first_length(&self) -> Option<usize> {
        let mut length = [0; PREFIX];
        for (at, byte) in length.iter_mut().enumerate() {
            *byte = *self.bytes.get(at)?;
        }
        Some(u32::from_be_bytes(length) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::{LIMIT, OWN, PORTS, Pool, Queue, SHARED, TOTAL};
    use crate::wire::frames::{LONGEST, PREFIX, push};

    fn waiting(queue: &Queue) -> Vec<u8> {
        queue.waiting().concat()
    }

    fn frames(count: usize, length: usize) -> Vec<u8> {
        let mut stream = Vec::new();
        (0..count).for_each(|n| push(&mut stream, &vec![n as u8; length]));
        stream
    }

    #[test]
    fn a_frame_that_was_begun_is_kept_whole() {
        let (mut queue, mut pool) = (Queue::default(), Pool::default());
        let stream = frames(2, 10);
        assert_eq!(queue.add(&mut pool, &stream, 16), 0);
        assert_eq!(waiting(&queue), &stream[16..]);
        queue.take(&mut pool, 3);
        assert_eq!(waiting(&queue), &stream[19..]);
        queue.take(&mut pool, 9);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_full_queue_drops_whole_frames() {
        let (mut queue, mut pool) = (Queue::default(), Pool::default());
        let fit = LIMIT / 1504;
        assert_eq!(queue.add(&mut pool, &frames(fit + 1, 1500), 0), 1);
        assert_eq!(queue.len(), fit * 1504);
        assert_eq!(queue.first().map(|frame| frame.concat()), Some(vec![0; 1500]));
        // Over the end of the ring.
        queue.take(&mut pool, 700 * 1504);
        assert_eq!(queue.add(&mut pool, &frames(700, 1500), 0), 0);
        while let Some(frame) = queue.first().map(|frame| frame.concat()) {
            assert!(frame.len() == 1500 && frame.iter().all(|byte| *byte == frame[0]));
            queue.take(&mut pool, PREFIX + frame.len());
        }
        assert_eq!((queue.len(), pool.free), (0, SHARED));
    }

    fn held(queues: &[Queue]) -> usize {
        queues.iter().map(|queue| queue.bytes.capacity()).sum()
    }

    #[test]
    fn all_together_are_bounded_and_each_has_room_for_the_longest_frame() {
        const { assert!(OWN >= PREFIX + LONGEST && TOTAL == 128 << 20) };
        let (mut queues, mut pool) = (Vec::new(), Pool::default());
        let pieces = [(LIMIT / 60_000, 60_000), (LIMIT / 9000, 9000), (100, 60)]
            .map(|(count, length)| frames(count, length));
        // Some come early and take all that they may, in pieces of all sizes.
        for count in [10, 64, 500, PORTS] {
            queues.resize_with(count, Queue::default);
            for queue in &mut queues {
                assert!(!queue.is_empty() || queue.add(&mut pool, &frames(1, LONGEST), 0) == 0);
                for piece in &pieces {
                    queue.add(&mut pool, piece, 0);
                }
                assert!(queue.len() + 64 >= OWN && queue.len() <= LIMIT);
            }
            assert!(held(&queues) <= TOTAL, "{} of {TOTAL}", held(&queues));
        }
        assert!(queues[0].len() > LIMIT - 64, "who is alone has all that one may have");
        // What peers take is there for others.
        queues.iter_mut().for_each(|queue| queue.take(&mut pool, queue.len()));
        assert_eq!(pool.free, SHARED);
        assert_eq!(queues[PORTS - 1].add(&mut pool, &frames(LIMIT / 1504, 1500), 0), 0);
        queues.iter_mut().for_each(|queue| queue.clear(&mut pool));
        assert_eq!((pool.free, held(&queues)), (SHARED, 0));
    }
}
