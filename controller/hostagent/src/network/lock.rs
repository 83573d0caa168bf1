//! One at a time starts or stops a daemon.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::NetworkError;

/// Longer than any start and any stop.
const PATIENCE: Duration = Duration::from_secs(40);
/// Between two tries.
const AGAIN: Duration = Duration::from_millis(10);

/// The lock, until it is dropped; also Lima takes it, on the directory itself.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "closing it gives the lock back")] File);

impl Lock {
    /// Makes the directory if need be, and waits for whoever is at work there.
    pub(super) async fn take(dir: &Path) -> Result<Self, NetworkError> {
        fs::create_dir_all(dir).map_err(NetworkError::file("make", dir))?;
        let file = File::open(dir).map_err(NetworkError::file("open", dir))?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(fs::TryLockError::Error(error)) => {
                    return Err(NetworkError::file("lock", dir)(error));
                }
                Err(fs::TryLockError::WouldBlock) if begun.elapsed() > PATIENCE => {
                    return Err(NetworkError::Busy { path: dir.to_owned() });
                }
                Err(fs::TryLockError::WouldBlock) => sleep(AGAIN).await,
            }
        }
    }
}
