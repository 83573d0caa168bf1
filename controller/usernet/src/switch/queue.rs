//! What a port's peer has not taken yet.

use crate::wire::frames::{Frames, PREFIX};

/// How much waits for a slow peer; what comes then is dropped, as by any switch. At a gigabit per
/// second this is 17 ms.
pub const LIMIT: usize = 2 << 20;

/// How much waits for all of them.
const TOTAL: usize = 128 << 20;

/// How much may wait for each of so many peers.
pub fn limit(peers: usize) -> usize {
    LIMIT.min(TOTAL / peers.max(1))
}

/// Room that is kept when nothing waits.
const KEPT: usize = 64 << 10;

/// Whole frames with their lengths before them, but for the first, which may have been begun.
#[derive(Debug, Default)]
pub struct Queue {
    bytes: Vec<u8>,
    taken: usize,
}

impl Queue {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.taken == self.bytes.len()
    }

    /// What waits.
    pub fn waiting(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    /// The peer took the first `count` bytes of what waits.
    pub fn take(&mut self, count: usize) {
        self.taken += count;
        if self.is_empty() {
            self.taken = 0;
            if self.bytes.capacity() > KEPT {
                self.bytes = Vec::new();
            }
            self.bytes.clear();
        } else if self.taken > LIMIT / 2 {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
    }

    /// Adds frames as long as there is room; returns how many were dropped. The first `begun`
    /// bytes of `stream` were already taken; the frame in which they end is added in any case,
    /// since half a frame would garble all that follow.
    pub fn add(&mut self, stream: &[u8], begun: usize, limit: usize) -> u64 {
        if begun == 0 && self.waiting().len() + stream.len() <= limit {
            self.bytes.extend_from_slice(stream);
            return 0;
        }
        let (mut frames, mut dropped) = (Frames::new(stream), 0);
        while let Ok(Some(range)) = frames.next_range() {
            if range.end <= begun {
                continue;
            }
            let started = range.start < begun;
            if started || self.waiting().len() + range.len() <= limit {
                self.bytes.extend_from_slice(&stream[range.start.max(begun)..range.end]);
            } else {
                dropped += 1;
            }
        }
        dropped
    }

    /// The first frame, without its length, of a queue of which no frame was begun.
    pub fn first(&self) -> Option<&[u8]> {
        let range = Frames::new(self.waiting()).next_range().ok().flatten()?;
        Some(&self.waiting()[range.start + PREFIX..range.end])
    }
}

#[cfg(test)]
mod tests {
    use super::{LIMIT, Queue, TOTAL, limit};
    use crate::wire::frames::{PREFIX, push};

    #[test]
    fn a_frame_that_was_begun_is_kept_whole() {
        let (mut queue, mut stream) = (Queue::default(), Vec::new());
        push(&mut stream, &[1; 10]);
        push(&mut stream, &[2; 10]);
        assert_eq!(queue.add(&stream, 16, LIMIT), 0);
        assert_eq!(queue.waiting(), &stream[16..]);
        queue.take(3);
        assert_eq!(queue.waiting(), &stream[19..]);
        queue.take(9);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_full_queue_drops_whole_frames() {
        let (mut queue, mut stream) = (Queue::default(), Vec::new());
        while stream.len() < LIMIT {
            push(&mut stream, &[0; 1500]);
        }
        assert_eq!(queue.add(&stream, 0, LIMIT), 1);
        assert!(queue.waiting().len() <= LIMIT);
        assert_eq!(queue.add(&stream[..1504], 5, LIMIT), 0, "begun, so kept");
    }

    #[test]
    fn all_together_are_bounded_and_each_has_room_for_the_longest_frame() {
        assert_eq!(limit(10), LIMIT);
        for peers in [1, 64, 65, 500, 1024] {
            assert!(peers * limit(peers) <= TOTAL);
            assert!(limit(peers) > PREFIX + crate::wire::frames::LONGEST);
        }
    }
}
