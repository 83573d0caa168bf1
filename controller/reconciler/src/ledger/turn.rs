//! One at a time in the ledger.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::store::{LedgerError, io_error};

/// Whoever has the turn has it for one or two small files. One that was frozen in the middle must
/// not keep a controller for longer than this.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between looks at whether it is free.
const PAUSE: Duration = Duration::from_millis(2);

/// Whose turn it is to change claims.
///
/// Who acts on a home holds its lock, a controller for months. Commands that make or rename
/// something beside plans claim it without that lock; so that neither undoes what the other has
/// just written, each looks and writes within one turn.
#[derive(Clone, Debug)]
pub(super) struct Turns(PathBuf);

/// A turn. It ends with this, or with the process.
pub(super) struct Turn {
    _file: Option<File>,
}

impl Turns {
    pub(super) fn new(dir: &Path) -> Self {
        Self(dir.join("owners.lock"))
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// If it does not come in time, or the home cannot be written.
    pub(super) fn take(&self) -> Result<Turn, LedgerError> {
        let failed = |error| io_error(&self.0, error);
        let file = match File::create(&self.0) {
            Ok(file) => file,
            // Nobody else can write either, and what is given up makes room.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                return Ok(Turn { _file: None });
            }
            Err(error) => return Err(failed(error)),
        };
        let deadline = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Turn { _file: Some(file) }),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::sleep(PAUSE);
                }
                Err(TryLockError::WouldBlock) => {
                    let why = "another limekiln has been writing claims for too long";
                    return Err(failed(io::Error::new(io::ErrorKind::TimedOut, why)));
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
    }
}
