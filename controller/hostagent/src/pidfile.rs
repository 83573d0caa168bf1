//! The host agent's pid file: one host agent per instance.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::{Error, atomic, process};

/// Our pid file; removed when dropped.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
    // Held for life: of two host agents that start at once, one gets it.
    _lock: File,
}

impl PidFile {
    /// Takes the pid file at `path` for this process.
    ///
    /// # Errors
    /// It names a live process, or can't be written.
    pub(crate) fn take(path: &Path) -> Result<Self, Error> {
        let dir = path.parent().unwrap_or(Path::new("."));
        let lock = File::open(dir).map_err(Error::file("open", dir))?;
        let own = std::process::id();
        if lock.try_lock().is_err() {
            return Err(Error::AlreadyRunning { pid: read(path).unwrap_or(0) });
        }
        // A host agent of Lima takes no lock.
        if let Some(pid) = read(path).filter(|&pid| pid != own && process::exists(pid)) {
            return Err(Error::AlreadyRunning { pid });
        }
        atomic::write(path, format!("{own}\n").as_bytes(), 0o644)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Nothing can be done about a failure, and readers check that the process lives.
        let _ = fs::remove_file(&self.path);
    }
}

/// The pid in a pid file; `None` if there is no such file or no number in it.
pub(crate) fn read(path: &Path) -> Option<u32> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}
