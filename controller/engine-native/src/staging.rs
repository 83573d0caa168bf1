//! Objects that are being made, below `_limekiln/staging`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use limekiln_engine::EngineError;

use crate::disks::{publish, remove_dir};
use crate::error::file;
use crate::paths::Paths;

/// Between making a directory and locking it, a sweep would take it for a left one.
static MAKING: Mutex<()> = Mutex::new(());

/// A directory that nobody sees until it is complete. It goes with this unless it is published;
/// what a crash leaves behind goes when the next object is made.
#[derive(Debug)]
pub(crate) struct Staging {
    dir: PathBuf,
    // Says for as long as this lives that somebody works here.
    _lock: File,
}

impl Staging {
    /// An empty directory for `what`.
    pub(crate) fn new(paths: &Paths, what: &str) -> Result<Self, EngineError> {
        let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        sweep(&paths.staging());
        let dir = paths.staging().join(what);
        remove_dir(&dir)?;
        fs::create_dir_all(&dir).map_err(file("make", &dir))?;
        let lock = File::open(&dir).map_err(file("open", &dir))?;
        lock.try_lock().map_err(|error| file("lock", &dir)(error.into()))?;
        Ok(Self { dir, _lock: lock })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Moves what is complete to its place, durably.
    pub(crate) fn publish(self, place: &Path) -> Result<(), EngineError> {
        publish(&self.dir, place)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // The next sweep tries again.
        let _ = remove_dir(&self.dir);
    }
}

/// Removes what nobody works on any more.
fn sweep(staging: &Path) {
    for entry in fs::read_dir(staging).into_iter().flatten().flatten() {
        let dir = entry.path();
        let left = File::open(&dir).is_ok_and(|lock| lock.try_lock().is_ok());
        if left {
            // It is no reason not to make something new.
            let _ = remove_dir(&dir);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_crash_left_goes_and_what_is_made_stays() {
        let home = tempfile::tempdir().expect("a directory");
        let paths = Paths::new(home.path());
        fs::create_dir_all(paths.staging().join("instance-old/half")).expect("writable");
        let first = Staging::new(&paths, "instance-a").expect("made");
        assert!(!paths.staging().join("instance-old").exists());
        let second = Staging::new(&paths, "instance-b").expect("made");
        assert!(first.dir().exists(), "somebody works there");
        fs::write(second.dir().join("file"), "whole").expect("writable");
        second.publish(&home.path().join("b")).expect("published");
        assert_eq!(fs::read_to_string(home.path().join("b/file")).expect("moved"), "whole");
        drop(first);
        assert_eq!(fs::read_dir(paths.staging()).expect("there").count(), 0);
    }
}
