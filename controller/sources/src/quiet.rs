//! Waiting for files that are being written.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::{ReadOptions, SourceError};

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

/// Knows since when each file that is waited for has looked as it does.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    begun: Option<Instant>,
    /// What was waited for last.
    last: Option<PathBuf>,
    seen: BTreeMap<PathBuf, (Stamp, Instant)>,
}

impl Watch {
    /// How much longer the file has to stay as it is; zero when it is quiet.
    pub(crate) fn missing(&mut self, path: &Path, stamp: Stamp, quiet: Duration) -> Duration {
        let age = stamp.age();
        let now = Instant::now();
        let seen = self.seen.entry(path.to_owned()).or_insert_with(|| (stamp.clone(), now));
        if seen.0 != stamp {
            *seen = (stamp, now);
        }
        quiet.saturating_sub(age.unwrap_or_default().max(now - seen.1))
    }

    /// Whether it is this that is waited for.
    pub(crate) fn waits_for(&self, path: &Path) -> bool {
        self.last.as_deref() == Some(path)
    }

    /// How long to wait before the next look.
    ///
    /// # Errors
    /// If patience has run out.
    pub(crate) fn wait(
        &mut self,
        path: &Path,
        missing: Duration,
        options: &ReadOptions,
    ) -> Result<Duration, SourceError> {
        let patience = options.patience;
        self.last = Some(path.to_owned());
        if self.begun.get_or_insert_with(Instant::now).elapsed() >= patience {
            return Err(SourceError::Busy { path: path.into(), seconds: patience.as_secs() });
        }
        Ok(missing.max(Duration::from_millis(1)))
    }
}
