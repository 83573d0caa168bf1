//! Files and directories that are read again and again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use limekiln_sources::{Input, ReadOptions, Reader, Snapshot, SourceError};

use super::super::Handle;
use super::blocking;

/// How long before the end of a wait for a file the controller is told of it: in that time it can
/// look at what thousands of instances do, and plan what will most likely have to be done.
const MOMENT: Duration = Duration::from_millis(25);

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

    /// Reads them all, after a wait for what is being written.
    ///
    /// # Errors
    /// If something cannot be read whole.
    pub(super) async fn read(&self, controller: &Handle) -> Result<Vec<Snapshot>, SourceError> {
        let (paths, controller) = (self.clone(), controller.clone());
        let read = move || loop {
            let tried = paths.reader().try_read(&paths.inputs, &paths.options)?;
            // The reader is free meanwhile, for a glance.
            match tried {
                Ok(snapshots) => return Ok(snapshots),
                Err(wait) => {
                    sleep(wait.saturating_sub(MOMENT));
                    controller.soon();
                    sleep(wait.min(MOMENT));
                }
            }
        };
        blocking(read).await
    }

    /// What they hold now, whole or not; `None` if that cannot be seen quickly. Blocks.
    pub(super) fn glance(&self) -> Option<Vec<Snapshot>> {
        self.reader().glance(&self.inputs, &self.options)
    }

    fn reader(&self) -> MutexGuard<'_, Reader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
