//! Files and directories that are read again and again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::sleep;
use std::time::Duration;

use limekiln_sources::{Input, ReadOptions, Reader, Snapshot, SourceError};

use super::super::Handle;

/// How long before the end of a wait for a file the controller is told of it: in that time it can
/// look at what thousands of instances do, and plan what will most likely have to be done.
const MOMENT: Duration = Duration::from_millis(25);

/// What is read and loaded within this time is waited for: a file has to rest for a moment, and a few
/// are often written one after the other. Who is not done then goes on beside.
pub(super) const SETTLED: Duration = Duration::from_secs(2);

/// What is read, and what is known of it. Those that are clones know the same.
#[derive(Clone)]
pub(super) struct Paths {
    inputs: Arc<[Input]>,
    pub(super) options: ReadOptions,
    reader: Arc<Mutex<Reader>>,
}

impl Paths {
    pub(super) fn new(inputs: Vec<Input>, options: ReadOptions) -> Self {
        Self { inputs: inputs.into(), options, reader: Arc::default() }
    }

    /// Reads them all, after a wait for what is being written. Blocks: for ever, if the file system
    /// does.
    ///
    /// # Errors
    /// If something cannot be read whole.
    pub(super) fn read(&self, controller: &Handle) -> Result<Vec<Snapshot>, SourceError> {
        loop {
            let tried = self.reader().try_read(&self.inputs, &self.options)?;
            // The reader is free meanwhile, for a glance.
            match tried {
                Ok(snapshots) => return Ok(snapshots),
                Err(wait) => {
                    sleep(wait.saturating_sub(MOMENT));
                    controller.soon();
                    sleep(wait.min(MOMENT));
                }
            }
        }
    }

    /// What they hold now, whole or not; `None` if that cannot be seen quickly, or they are being
    /// read. Blocks.
    pub(super) fn glance(&self) -> Option<Vec<Snapshot>> {
        let mut reader = match self.reader.try_lock() {
            Ok(reader) => reader,
            Err(TryLockError::Poisoned(reader)) => reader.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        reader.glance(&self.inputs, &self.options)
    }

    fn reader(&self) -> MutexGuard<'_, Reader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
