//! Waiting for files that are being written.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::{ReadOptions, SourceError};

/// How long before the end of a wait it is told of: what thousands of instances are doing can be
/// looked at in it.
const MOMENT: Duration = Duration::from_millis(15);

/// What changes when a file is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self { size: metadata.len(), modified: metadata.modified().ok() }
    }

    /// How long ago it was written; `None` when the clock can't say, as with a time in the
    /// future.
    fn age(&self) -> Option<Duration> {
        self.modified?.elapsed().ok()
    }
}

/// How files are waited for.
pub(crate) struct Waiting<'a> {
    pub(crate) options: &'a ReadOptions,
    /// Called a moment before the end of each wait.
    pub(crate) soon: &'a dyn Fn(),
}

/// Knows since when each file has looked as it does.
pub(crate) struct Watch<'a> {
    waiting: &'a Waiting<'a>,
    begun: Instant,
    seen: BTreeMap<PathBuf, (Stamp, Instant)>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(waiting: &'a Waiting<'a>) -> Self {
        Self { waiting, begun: Instant::now(), seen: BTreeMap::new() }
    }

    /// How much longer the file has to stay as it is; zero when it is quiet.
    pub(crate) fn missing(&mut self, path: &Path, stamp: Stamp) -> Duration {
        let age = stamp.age();
        let now = Instant::now();
        let seen = self.seen.entry(path.to_owned()).or_insert_with(|| (stamp.clone(), now));
        if seen.0 != stamp {
            *seen = (stamp, now);
        }
        let still = age.unwrap_or_default().max(now - seen.1);
        self.waiting.options.quiet.saturating_sub(still)
    }

    /// Sleeps before the next look.
    ///
    /// # Errors
    /// If patience has run out.
    pub(crate) fn pause(&self, path: &Path, missing: Duration) -> Result<(), SourceError> {
        let patience = self.waiting.options.patience;
        if self.begun.elapsed() > patience {
            return Err(SourceError::Busy { path: path.into(), seconds: patience.as_secs() });
        }
        let wait = missing.max(Duration::from_millis(1));
        std::thread::sleep(wait.saturating_sub(MOMENT));
        (self.waiting.soon)();
        std::thread::sleep(wait.min(MOMENT));
        Ok(())
    }
}
