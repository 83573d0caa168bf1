//! What tells a file from what it was before, without reading it.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

/// A file whose times are younger than this may be written once more without changing them: file
/// systems count in steps, of which the coarsest is that of FAT.
const STEP: Duration = Duration::from_secs(2);
/// The same where times are seen to be counted in less than milliseconds: Linux steps then with
/// its timer, at 100 Hz or more often. Twice that, for clocks of other hosts that are not quite
/// right.
const FINE_STEP: Duration = Duration::from_millis(20);

/// Which file it is, how large, and when it and its name were last changed.
///
/// As long as the stamp of a file that [rests](Self::rests) stays the same, so does what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    rests: Rests,
}

/// Whether a later change would show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Rests {
    /// It may not: the file is young.
    No,
    /// It would.
    Yes,
    /// It is young, but nobody changes it whose change would have to show.
    Ours,
}

impl Stamp {
    /// The stamp of a file that was looked at `now`. Take it before the file is read, never after.
    pub fn of(metadata: &Metadata, now: SystemTime) -> Self {
        let times =
            [(metadata.mtime(), metadata.mtime_nsec()), (metadata.ctime(), metadata.ctime_nsec())];
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let since = |(seconds, nanos): &(i64, i64)| {
            let seconds = Duration::from_secs(u64::try_from(*seconds).unwrap_or_default());
            let time = seconds + Duration::from_nanos(u64::try_from(*nanos).unwrap_or_default());
            // A time in the future says nothing about when it was.
            now.checked_sub(time).unwrap_or_default()
        };
        let fine = times.iter().all(|(_, nanos)| nanos % 1_000_000 != 0);
        let step = if fine { FINE_STEP } else { STEP };
        let youngest = times.iter().map(since).min().unwrap_or_default();
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            modified: times[0],
            changed: times[1],
            rests: if youngest > step { Rests::Yes } else { Rests::No },
        }
    }

    /// The same of a file that nobody but the caller writes: there is no later change that the
    /// caller would have to see.
    #[must_use]
    pub fn rested(self) -> Self {
        Self { rests: Rests::Ours, ..self }
    }

    /// Whether the file had rested for so long that any later change shows in its stamp.
    pub fn rests(&self) -> bool {
        self.rests != Rests::No
    }

    /// Whether what was read under this stamp still is what the file holds, which has the other
    /// one now.
    pub fn holds(&self, now: &Self) -> bool {
        match self.rests {
            Rests::No => false,
            Rests::Yes => self == now,
            Rests::Ours => *self == now.rested(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_what_rested_is_known_to_be_the_same() {
        let path = std::env::temp_dir().join(format!("limekiln-stamp-{}", std::process::id()));
        fs::write(&path, "one").expect("writable");
        let stamp = |now| Stamp::of(&fs::metadata(&path).expect("there"), now);
        let now = SystemTime::now();
        let later = now + Duration::from_secs(10);
        assert!(!stamp(now).holds(&stamp(now)), "it may be written again in the same moment");
        let file = fs::File::options().write(true).open(&path).expect("writable");
        let soon = || stamp(SystemTime::now() + Duration::from_millis(500));
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        file.set_modified(long_ago).expect("ours");
        assert!(!soon().rests(), "whole seconds may be all that is counted");
        file.set_modified(long_ago + Duration::from_nanos(123_456_700)).expect("ours");
        assert!(soon().rests(), "no file system of a test counts in longer steps");
        assert!(stamp(later).holds(&stamp(later)));
        assert!(!stamp(now - Duration::from_secs(60)).rests(), "the clock was set back");
        let before = stamp(later);
        fs::write(&path, "two").expect("writable");
        assert!(!before.holds(&stamp(later)), "the same size, another time");
        assert!(stamp(now).rested().holds(&stamp(now)), "young, but known to be nobody else's");
        fs::remove_file(&path).expect("ours");
    }
}
