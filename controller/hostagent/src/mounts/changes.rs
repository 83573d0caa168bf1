//! Changes of files on the host, for `mountInotify`.
//!
//! A guest's kernel does not see what the host does to the files of a mount, so programs there that
//! wait for changes wait in vain. The host agent sees it, and the guest agent touches the file in
//! the guest, which those programs see (Lima's `PostInotify`).

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use notify::event::{ModifyKind, RenameMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc::{self, Receiver};

use crate::spec::MountSpec;

/// What has not been told by then is forgotten: the guest may be slower than the host.
const WAITING: usize = 128;

/// A touch in the guest comes back as a change here, with the same time; so does the second of two
/// events of one write, with nearly the same.
const SAME: Duration = Duration::from_millis(10);

/// So many files are remembered; then all are forgotten.
const REMEMBERED: usize = 10_000;

/// A file that was made or changed on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostChange {
    /// Its path in the guest.
    pub path: String,
    /// When it was changed, by its own time stamp.
    pub time: SystemTime,
}

/// Watches the directories of writable mounts until it is dropped.
#[derive(Debug)]
pub struct ChangeWatch {
    _watcher: RecommendedWatcher,
}

impl ChangeWatch {
    /// Watches from now on. When the receiver is behind, changes are left out.
    ///
    /// # Errors
    /// A directory is missing, or the host gives no more watches.
    pub fn start(mounts: &[MountSpec]) -> notify::Result<(Self, Receiver<HostChange>)> {
        let writable = || mounts.iter().filter(|mount| mount.writable);
        let place =
            |mount: &MountSpec| Ok((fs::canonicalize(&mount.location)?, mount.mount_point.clone()));
        let places = writable().map(place).collect::<notify::Result<Vec<_>>>()?;
        let roots: Vec<_> = places.iter().map(|(root, _)| root.clone()).collect();
        let mut news = News::new(places);
        let (sender, receiver) = mpsc::channel(WAITING);
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // After lost events nobody knows what has changed.
            let Ok(event) = event else { return };
            for change in event.paths.iter().filter(|_| counts(event.kind)) {
                for change in news.of(change) {
                    // Full, or nobody listens.
                    let _ = sender.try_send(change);
                }
            }
        })?;
        for root in roots {
            watcher.watch(&root, RecursiveMode::Recursive)?;
        }
        Ok((Self { _watcher: watcher }, receiver))
    }
}

/// What Lima tells, too: files that come, grow, or get another owner, mode or time.
fn counts(kind: EventKind) -> bool {
    match kind {
        EventKind::Create(_) => true,
        EventKind::Modify(ModifyKind::Name(mode)) => mode != RenameMode::From,
        EventKind::Modify(_) => true,
        EventKind::Any | EventKind::Access(_) | EventKind::Remove(_) | EventKind::Other => false,
    }
}

/// What of all that happens is news to the guest.
#[derive(Debug)]
struct News {
    /// Directories on the host, and where they are in the guest.
    places: Vec<(PathBuf, String)>,
    seen: HashMap<PathBuf, SystemTime>,
}

impl News {
    fn new(places: Vec<(PathBuf, String)>) -> Self {
        Self { places, seen: HashMap::new() }
    }

    /// One change for each mount that has the file.
    fn of(&mut self, file: &Path) -> Vec<HostChange> {
        // One that is gone again is told to nobody.
        let time = fs::symlink_metadata(file).and_then(|data| data.modified());
        match time {
            Ok(time) if self.is_new(file, time) => self.in_guest(file, time),
            _ => Vec::new(),
        }
    }

    fn is_new(&mut self, file: &Path, time: SystemTime) -> bool {
        if let Some(before) = self.seen.get(file)
            && time.duration_since(*before).is_ok_and(|since| since < SAME)
        {
            return false;
        }
        if self.seen.len() >= REMEMBERED {
            self.seen.clear();
        }
        self.seen.insert(file.to_owned(), time);
        true
    }

    fn in_guest(&self, file: &Path, time: SystemTime) -> Vec<HostChange> {
        let path = |(root, point): &(PathBuf, String)| {
            let below = file.strip_prefix(root).ok()?.to_str()?;
            let point = point.trim_end_matches('/');
            Some(if below.is_empty() { point.to_owned() } else { format!("{point}/{below}") })
        };
        let paths = self.places.iter().filter_map(path);
        paths.map(|path| HostChange { path, time }).collect()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;
    use crate::spec::MountKind;

    fn mount(location: &Path, mount_point: &str, writable: bool) -> MountSpec {
        let kind = MountKind::Virtiofs { queue_size: 1024 };
        let (location, mount_point) = (location.to_owned(), mount_point.to_owned());
        MountSpec { location, mount_point, writable, kind }
    }

    /// The next path that is told; an empty text if none is within a second.
    async fn next(changes: &mut Receiver<HostChange>) -> String {
        let next = timeout(Duration::from_secs(1), changes.recv()).await;
        next.ok().flatten().map(|change| change.path).unwrap_or_default()
    }

    #[tokio::test]
    async fn files_are_told_by_their_paths_in_the_guest() {
        let dir = tempfile::tempdir().expect("a directory");
        for name in ["rw/deep", "ro"] {
            fs::create_dir_all(dir.path().join(name)).expect("made");
        }
        std::os::unix::fs::symlink("rw", dir.path().join("link")).expect("made");
        let mounts = [
            mount(&dir.path().join("link"), "/mnt/rw", true),
            mount(&dir.path().join("ro"), "/mnt/ro", false),
        ];
        let (_watch, mut changes) = ChangeWatch::start(&mounts).expect("watched");
        fs::write(dir.path().join("ro/file"), "").expect("written");
        let file = dir.path().join("rw/deep/file");
        fs::write(&file, "a").expect("written");
        assert_eq!(next(&mut changes).await, "/mnt/rw/deep/file");
        // The guest's touch, with the time that it was told.
        let opened = fs::File::options().write(true).open(&file).expect("it is there");
        let time = opened.metadata().and_then(|data| data.modified()).expect("it has one");
        opened.set_modified(time).expect("ours");
        assert_eq!(next(&mut changes).await, "", "no echo");
        opened.set_modified(time + Duration::from_secs(1)).expect("ours");
        assert_eq!(next(&mut changes).await, "/mnt/rw/deep/file");
        fs::remove_file(&file).expect("removed");
        fs::create_dir(dir.path().join("rw/new")).expect("made");
        let mut told = vec![next(&mut changes).await, next(&mut changes).await];
        told.retain(|path| path.ends_with("/new"));
        assert_eq!(told, ["/mnt/rw/new"]);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut news = News::new(vec![("/src".into(), "/mnt".to_owned())]);
        let time = SystemTime::UNIX_EPOCH;
        for number in 0..3 * REMEMBERED {
            assert!(news.is_new(Path::new(&format!("/src/{number}")), time));
            assert!(news.seen.len() <= REMEMBERED);
        }
    }

    #[test]
    fn directories_in_each_other_are_both_told() {
        let places = vec![("/a".into(), "/mnt/a/".to_owned()), ("/a/b".into(), "/b".to_owned())];
        let told = News::new(places).in_guest(Path::new("/a/b/c"), SystemTime::UNIX_EPOCH);
        let paths: Vec<_> = told.iter().map(|change| change.path.as_str()).collect();
        assert_eq!(paths, ["/mnt/a/b/c", "/b/c"]);
    }
}
