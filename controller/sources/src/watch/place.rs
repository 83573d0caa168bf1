//! What a path leads to, and the watch on it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use super::inbox::Inbox;
use super::{WatchError, WatchRoot};

/// The end of a path, as the kernel names it in events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) real: PathBuf,
    /// The directory itself, or that of the file.
    pub(super) watched: PathBuf,
    /// Of a directory: whether the path leads to the same one as before.
    identity: Option<Identity>,
}

/// Device, inode and, where the file system knows it, birth: the inode of a directory that was
/// removed may be that of the one made in its place.
type Identity = (u64, u64, Option<SystemTime>);

/// What is told of a look at a path.
#[derive(Debug)]
pub(super) struct News {
    pub(super) place: Option<Place>,
    /// Why it is there and is not watched.
    pub(super) trouble: Option<WatchError>,
    /// It leads to something else than before, or what changed of late may have been missed.
    pub(super) moved: bool,
}

/// A path whose end is watched. Whatever it does may block: for ever, if the file system does.
#[derive(Debug)]
pub(super) struct WatchedPath {
    wanted: WatchRoot,
    inbox: Inbox,
    place: Option<Place>,
    /// Its own, so that roots within roots come and go without each other.
    watcher: Option<RecommendedWatcher>,
}

impl WatchedPath {
    pub(super) fn new(wanted: WatchRoot, inbox: Inbox) -> Self {
        Self { wanted, inbox, place: None, watcher: None }
    }

    /// Watches what the path leads to now, and does so `anew` if it is unknown what is still
    /// watched; `None` if nothing is new.
    pub(super) fn look(&mut self, anew: bool) -> Option<News> {
        let now = look(&self.wanted.path);
        let moved = now != self.place;
        if anew || moved {
            self.watcher = None;
        }
        self.place = now;
        let place = self.place.as_ref().filter(|_| self.watcher.is_none());
        let watched = place.map(|place| self.watch(place));
        if watched.is_none() && !moved {
            return None;
        }
        // Between the watch before and this one nobody looked.
        let moved = moved || matches!(watched, Some(Ok(_)));
        let (watcher, trouble) = match watched {
            Some(Ok(watcher)) => (Some(watcher), None),
            Some(Err(error)) => (None, Some(error)),
            None => (None, None),
        };
        self.watcher = watcher;
        Some(News { place: self.place.clone(), trouble, moved })
    }

    fn watch(&self, place: &Place) -> Result<RecommendedWatcher, WatchError> {
        let mode = if self.wanted.recursive && place.watched == place.real {
            RecursiveMode::Recursive
        } else {
            RecursiveMode::NonRecursive
        };
        let mut watcher = self.inbox.watcher()?;
        watcher.watch(&place.watched, mode)?;
        Ok(watcher)
    }
}

fn look(path: &Path) -> Option<Place> {
    let real = path.canonicalize().ok()?;
    let metadata = fs::metadata(&real).ok()?;
    let parent = || real.parent().unwrap_or(&real).to_owned();
    let watched = if metadata.is_dir() { real.clone() } else { parent() };
    let identity =
        metadata.is_dir().then(|| (metadata.dev(), metadata.ino(), metadata.created().ok()));
    Some(Place { real, watched, identity })
}
