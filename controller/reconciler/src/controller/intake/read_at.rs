//! When a source was read, beside others.

/// Counted in looks at all sources: what is gone from one may have come to another, which only a
/// reading shows that began after it was seen to be gone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ReadAt {
    /// At which look the reading began that goes on, or was the last.
    begun: u64,
    /// The same of the last that succeeded.
    sound: Option<u64>,
    /// At which look it was first seen what it holds.
    seen: u64,
}

impl ReadAt {
    /// It begins to be read.
    pub(super) fn begins(&mut self, look: u64) {
        self.begun = look;
    }

    /// It was read; it is new what it holds, or was known.
    pub(super) fn succeeded(&mut self, look: u64, is_new: bool) {
        self.sound = Some(self.begun);
        if is_new {
            self.seen = look;
        }
    }

    /// Whether it was read since it was seen what the other one holds.
    pub(super) fn is_since(&self, other: &Self) -> bool {
        self.sound.is_some_and(|sound| sound > other.seen)
    }

    /// Whether somebody has tried since.
    pub(super) fn was_tried_since(&self, other: &Self) -> bool {
        self.begun > other.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_began_to_be_read_later_knows_what_came_from_elsewhere() {
        let (mut from, mut to) = (ReadAt::default(), ReadAt::default());
        to.begins(1);
        from.begins(1);
        from.succeeded(1, true);
        to.succeeded(2, true);
        assert!(!to.is_since(&from) && !to.was_tried_since(&from), "it may have been read before");
        to.begins(3);
        assert!(!to.is_since(&from) && to.was_tried_since(&from), "it is not done");
        to.succeeded(4, false);
        assert!(to.is_since(&from));
        from.begins(4);
        from.succeeded(4, false);
        assert!(to.is_since(&from), "nothing is new");
        from.begins(5);
        from.succeeded(5, true);
        assert!(!to.is_since(&from));
    }
}
