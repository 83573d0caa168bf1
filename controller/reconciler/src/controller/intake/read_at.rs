//! When a source was read, counted in looks at all of them.

/// What is gone from one source may have come to another. Only a reading of each shows that it has
/// not, and only one that began at a later look than the one at which it was seen to be gone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ReadAt {
    /// At which look the reading began that goes on, or was the last.
    begun: u64,
    /// The same of the last that succeeded.
    sound: u64,
}

impl ReadAt {
    /// It begins to be read.
    pub(super) fn begins(&mut self, look: u64) {
        self.begun = look;
    }

    /// It was read.
    pub(super) fn succeeded(&mut self) {
        self.sound = self.begun;
    }

    /// Whether it was read since a look.
    pub(super) fn is_since(&self, look: u64) -> bool {
        self.sound > look
    }

    /// Whether somebody has tried since.
    pub(super) fn was_tried_since(&self, look: u64) -> bool {
        self.begun > look
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_reading_that_began_later_knows_what_has_come() {
        let mut source = ReadAt::default();
        source.begins(1);
        source.succeeded();
        assert!(source.is_since(0) && !source.is_since(1), "it may have been read before that");
        source.begins(2);
        assert!(source.was_tried_since(1) && !source.is_since(1), "it is not done");
        source.succeeded();
        assert!(source.is_since(1));
        source.begins(3);
        assert!(source.is_since(1) && !source.is_since(2), "what goes on says nothing yet");
    }
}
