//! One directory that is watched.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::WatchError;
use super::inbox::Inbox;

/// What is watched: a directory, or a file by the directory that it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchRoot {
    /// Where; it may not exist yet.
    pub path: PathBuf,
    /// Whether directories below it count too.
    pub recursive: bool,
}

/// A root, and what its path led to when it was last looked at.
#[derive(Debug)]
pub(super) struct Root {
    wanted: WatchRoot,
    inbox: Inbox,
    seen: Option<Seen>,
}

/// Device and inode tell whether a path leads to the same directory as before.
#[derive(Debug)]
struct Seen {
    identity: (u64, u64),
    real: PathBuf,
    /// The directory itself, or that of the file.
    watched: PathBuf,
    /// Its own, so that roots within roots come and go without each other.
    watcher: Option<Result<RecommendedWatcher, WatchError>>,
}

impl Root {
    pub(super) fn new(wanted: WatchRoot, inbox: Inbox) -> Self {
        let mut root = Self { wanted, inbox, seen: None };
        root.refresh();
        root
    }

    /// Watches what the path leads to now; true if that is something else than before.
    pub(super) fn refresh(&mut self) -> bool {
        let now = look(&self.wanted.path);
        let same = match (&now, &self.seen) {
            (Some(now), Some(seen)) => (now.identity, &now.real) == (seen.identity, &seen.real),
            (None, None) => true,
            _ => false,
        };
        if same && self.seen.as_ref().is_none_or(|seen| matches!(seen.watcher, Some(Ok(_)))) {
            return false;
        }
        self.seen = now.map(|now| Seen { watcher: Some(self.watch(&now)), ..now });
        !same
    }

    fn watch(&self, seen: &Seen) -> Result<RecommendedWatcher, WatchError> {
        let mode = if self.wanted.recursive && seen.watched == seen.real {
            RecursiveMode::Recursive
        } else {
            RecursiveMode::NonRecursive
        };
        let mut watcher = self.inbox.watcher()?;
        watcher.watch(&seen.watched, mode)?;
        Ok(watcher)
    }

    /// Why it is there and can't be watched.
    pub(super) fn trouble(&self) -> Option<&WatchError> {
        self.seen.as_ref()?.watcher.as_ref()?.as_ref().err()
    }

    /// Lets it be watched anew.
    pub(super) fn forget(&mut self) {
        if let Some(seen) = &mut self.seen {
            seen.watcher = None;
        }
    }

    /// Whether what happened at a path can matter here.
    pub(super) fn concerns(&self, path: &Path) -> bool {
        let Some(seen) = &self.seen else { return false };
        if seen.watched != seen.real {
            return path == seen.real;
        }
        // Hidden files are never read, and git writes all the time to the one it has there.
        path.strip_prefix(&seen.real)
            .is_ok_and(|below| !below.iter().any(|step| step.as_encoded_bytes().starts_with(b".")))
    }
}

fn look(path: &Path) -> Option<Seen> {
    let real = path.canonicalize().ok()?;
    let metadata = fs::metadata(&real).ok()?;
    let parent = || real.parent().unwrap_or(&real).to_owned();
    let watched = if metadata.is_dir() { real.clone() } else { parent() };
    let identity = if metadata.is_dir() { (metadata.dev(), metadata.ino()) } else { (0, 0) };
    Some(Seen { identity, real, watched, watcher: None })
}

/// What changes a snapshot. Reading does not: it would wake up whoever reads, for ever.
pub(super) fn matters(event: &Event) -> bool {
    event.need_rescan() || !matches!(event.kind, EventKind::Access(_))
}
