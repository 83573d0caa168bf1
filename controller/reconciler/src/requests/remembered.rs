//! The file of requests, read when it is another one than before.

use std::fs;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use limekiln_api::Stamp;

use super::requests::path;
use super::{Requests, RequestsError};
use crate::Home;

/// What the file was when it was read, and what it asked for.
///
/// A controller minds requests several times in each pass. It looks at the file each time, so that
/// what is asked for in the middle counts at once, and reads it when it has changed.
#[derive(Debug, Default)]
pub(crate) struct Remembered(Mutex<Option<(Stamp, Arc<Requests>)>>);

impl Remembered {
    /// As [`Requests::read`].
    pub(crate) fn read(&self, home: &Home) -> Result<Arc<Requests>, RequestsError> {
        let path = path(home);
        let stamp = match fs::metadata(&path) {
            Ok(metadata) => Some(Stamp::of(&metadata, SystemTime::now())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(RequestsError::Io { path, source }),
        };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some((then, requests)), Some(now)) = (&*known, &stamp)
            && then.holds(now)
        {
            return Ok(Arc::clone(requests));
        }
        *known = None;
        let requests = Arc::new(Requests::read(home)?);
        *known = stamp.map(|stamp| (stamp, Arc::clone(&requests)));
        Ok(requests)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::OfSource;

    #[test]
    fn what_did_not_change_is_not_read_again_and_what_did_counts_at_once() {
        let dir = tempfile::tempdir().expect("dir");
        let home = Home::new(dir.path());
        let remembered = Remembered::default();
        assert_eq!(*remembered.read(&home).expect("none"), Requests::default());
        Requests::follow(&home, OfSource::any("a")).expect("written");
        // A file that is younger than its clock can tell apart is always read again.
        let long_ago = SystemTime::now() - Duration::from_secs(60);
        let file = fs::File::options().write(true).open(path(&home)).expect("there");
        file.set_modified(long_ago).expect("ours");
        std::thread::sleep(Duration::from_millis(50));
        let first = remembered.read(&home).expect("read");
        assert!(first.may_rewind("git:team", "a"));
        let again = remembered.read(&home).expect("known");
        assert!(Arc::ptr_eq(&first, &again), "it was read again");
        Requests::follow(&home, OfSource::any("b")).expect("written");
        assert!(remembered.read(&home).expect("read").may_rewind("git:team", "b"));
        fs::write(path(&home), "{").expect("torn");
        remembered.read(&home).expect_err("what is damaged is not what it was");
        fs::remove_file(path(&home)).expect("ours");
        assert_eq!(*remembered.read(&home).expect("none"), Requests::default());
    }
}
