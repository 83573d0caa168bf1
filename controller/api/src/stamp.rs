//! What tells a file from what it was before, without reading it.

use std::fs::Metadata;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, statat};
use rustix::path::Arg;

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
        Self::new(
            (metadata.dev(), metadata.ino()),
            metadata.len(),
            [(metadata.mtime(), metadata.mtime_nsec()), (metadata.ctime(), metadata.ctime_nsec())],
            now,
        )
    }

    /// The same of a file below a directory that is open, which takes half of the time: of
    /// thousands of files, the way to them is walked anew for each.
    ///
    /// # Errors
    /// What the system says; above all that there is no such file.
    #[expect(clippy::cast_sign_loss, reason = "none of these is negative")]
    pub fn below(dir: impl AsFd, path: impl Arg, now: SystemTime) -> io::Result<Self> {
        let data = statat(dir, path, AtFlags::empty())?;
        let times = [
            (data.st_mtime as i64, data.st_mtime_nsec as i64),
            (data.st_ctime as i64, data.st_ctime_nsec as i64),
        ];
        let file = (data.st_dev as u64, data.st_ino as u64);
        Ok(Self::new(file, data.st_size as u64, times, now))
    }

    fn new(
        (device, inode): (u64, u64),
        size: u64,
        times: [(i64, i64); 2],
        now: SystemTime,
    ) -> Self {
        let fine = times.iter().all(|(_, nanos)| nanos % 1_000_000 != 0);
        let step = if fine { FINE_STEP } else { STEP };
        let [modified, changed] = times.map(|time| since(time, now));
        // Anybody can set the first, also into the future, where it says nothing; the second is the
        // file system's own. In the future it comes from a clock that is not ours.
        let youngest = changed.map_or(Duration::ZERO, |since| since.min(modified.unwrap_or(since)));
        Self {
            device,
            inode,
            size,
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

    /// How long ago the file was written, or, where that is said to be in the future, how long ago
    /// anything about it was changed; `None` if that is in the future, too.
    pub fn age(&self, now: SystemTime) -> Option<Duration> {
        since(self.modified, now).or_else(|| since(self.changed, now))
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

/// How long ago that was; `None` of the future.
fn since((seconds, nanos): (i64, i64), now: SystemTime) -> Option<Duration> {
    let nanos = u32::try_from(nanos).ok()?;
    let time = match u64::try_from(seconds) {
        Ok(seconds) => SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))?,
        // Before 1970 it makes no difference when.
        Err(_) => SystemTime::UNIX_EPOCH,
    };
    now.duration_since(time).ok()
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
        file.set_modified(later + Duration::from_secs(86_400)).expect("ours");
        assert!(!stamp(now).rests(), "its name was changed just now");
        assert!(stamp(later).holds(&stamp(later)), "what lies in the future says nothing");
        assert!(stamp(later).age(later).is_some_and(|age| age <= Duration::from_secs(11)));
        let before = stamp(later);
        fs::write(&path, "two").expect("writable");
        assert!(!before.holds(&stamp(later)), "the same size, another time");
        assert!(stamp(now).rested().holds(&stamp(now)), "young, but known to be nobody else's");
        fs::remove_file(&path).expect("ours");
    }
}
