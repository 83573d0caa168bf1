//! Changes of files on the host. The mount brings the content, but no event, so the file is touched
//! with the time that it has: programs that watch it are told.

use std::time::{SystemTime, UNIX_EPOCH};

use limekiln_proto::guest::Inotify;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

/// The time that the file is to have; `None` if that is none that a file can have.
pub(crate) fn stamp(change: &Inotify) -> Option<Timespec> {
    let time = SystemTime::try_from(change.time?).ok()?;
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    Some(Timespec {
        tv_sec: i64::try_from(since.as_secs()).ok()?,
        tv_nsec: since.subsec_nanos().into(),
    })
}

/// Touches the file. One that is gone has nothing to tell.
pub(crate) fn touch(change: &Inotify, stamp: &Timespec) {
    let times = Timestamps { last_access: *stamp, last_modification: *stamp };
    // It may be gone, or on a mount that can't be written; neither is anybody's fault.
    let _ = utimensat(CWD, &*change.mount_path, &times, AtFlags::empty());
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_file_gets_the_time() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let time = UNIX_EPOCH + Duration::new(1_700_000_000, 5_000_000);
        let mount_path = file.path().to_str().unwrap().to_owned();
        let change = Inotify { mount_path, time: Some(time.into()) };
        touch(&change, &stamp(&change).unwrap());
        assert_eq!(file.path().metadata().unwrap().modified().unwrap(), time);
        let gone = Inotify { mount_path: "/nowhere/at/all".to_owned(), time: Some(time.into()) };
        touch(&gone, &stamp(&gone).unwrap());
    }

    #[test]
    fn what_is_no_time_of_a_file_is_left_out() {
        assert!(stamp(&Inotify::default()).is_none());
        for (seconds, nanos) in [(i64::MAX, 0), (i64::MIN, -1), (-1, 0), (0, i32::MIN)] {
            let time = Some(prost_types::Timestamp { seconds, nanos });
            let _ = stamp(&Inotify { mount_path: String::new(), time });
        }
        let before = Some(prost_types::Timestamp { seconds: -1, nanos: 0 });
        assert!(stamp(&Inotify { mount_path: String::new(), time: before }).is_none());
    }
}
