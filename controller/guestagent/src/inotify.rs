//! Changes of files on the host. The mount brings the content, but no event, so the file is touched
//! with the time that it has: programs that watch it are told.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use limekiln_proto::guest::Inotify;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

/// Touches the file. One that is gone has nothing to tell.
pub(crate) fn replay(change: &Inotify) {
    let time = change.time.and_then(|time| SystemTime::try_from(time).ok());
    let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let Some(stamp) = since.and_then(stamp) else { return };
    let times = Timestamps { last_access: stamp, last_modification: stamp };
    // It may be gone, or on a mount that can't be written; neither is anybody's fault.
    let _ = utimensat(CWD, &*change.mount_path, &times, AtFlags::empty());
}

fn stamp(since: Duration) -> Option<Timespec> {
    Some(Timespec {
        tv_sec: i64::try_from(since.as_secs()).ok()?,
        tv_nsec: since.subsec_nanos().into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_gets_the_time() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let time = UNIX_EPOCH + Duration::new(1_700_000_000, 5_000_000);
        let mount_path = file.path().to_str().unwrap().to_owned();
        replay(&Inotify { mount_path, time: Some(time.into()) });
        assert_eq!(file.path().metadata().unwrap().modified().unwrap(), time);
        replay(&Inotify { mount_path: "/nowhere/at/all".to_owned(), time: Some(time.into()) });
        replay(&Inotify::default());
    }
}
