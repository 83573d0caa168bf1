//! Our own directory, and who may work in it.

use std::fs::{self, DirBuilder, File, Metadata, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use limekiln_api::mutant::{Mutant, is_on};

use crate::atomic;

/// How a controller is told from a command in the lock file.
const CONTROLLER: &str = "controller";

/// `$LIMA_HOME/_limekiln`. Lima takes no directory whose name begins with `_` for an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    lima_home: PathBuf,
    dir: PathBuf,
}

/// Why our directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// No permission, no space.
    #[error("cannot use {path}", path = .path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others could change what we believe to own.
    #[error("{path} is not safe: {why}", path = .path.display())]
    Unsafe {
        /// What.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Another limekiln is at work.
    #[error("{} works on {home}", holder(*.pid, *.controller), home = .home.display())]
    Locked {
        /// The directory.
        home: PathBuf,
        /// The other's process id, when it is known.
        pid: Option<u32>,
        /// Whether it is a controller, which goes on until it is stopped.
        controller: bool,
    },
    /// We were at work, and are not any more.
    #[error(
        "the lock on {} was taken away while this process held it{}",
        .home.display(),
        successor(.by.as_ref())
    )]
    Lost {
        /// The directory.
        home: PathBuf,
        /// Who holds the lock that is in its place: its process id, and whether it is a
        /// controller. `None` if there is no other lock.
        by: Option<(Option<u32>, bool)>,
    },
}

fn holder(pid: Option<u32>, controller: bool) -> String {
    let who = if controller { "the controller" } else { "another limekiln" };
    pid.map_or_else(|| who.to_owned(), |pid| format!("{who} (process {pid})"))
}

fn successor(by: Option<&(Option<u32>, bool)>) -> String {
    by.map(|(pid, controller)| format!("; {} works there now", holder(*pid, *controller)))
        .unwrap_or_default()
}

/// What is written in a lock file: the process id of who took it last, and whether that is a
/// controller.
fn taken_by(text: &str) -> (Option<u32>, bool) {
    let mut words = text.split_whitespace();
    let pid = words.next().and_then(|pid| pid.parse().ok());
    (pid, words.next() == Some(CONTROLLER))
}

impl HomeError {
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    /// What the user can do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Io { .. } => None,
            Self::Unsafe { .. } => Some("make it a directory of yours that nobody else can write"),
            Self::Locked { controller: true, .. } => Some(
                "change its manifests, or `limekiln suspend` what it is to leave alone; or stop it first",
            ),
            Self::Locked { .. } => Some("wait until it has finished"),
            Self::Lost { by: Some(_), .. } => {
                Some("one is enough: let the other work, or stop it and start this one again")
            }
            Self::Lost { by: None, .. } => {
                Some("start again; nobody but limekiln removes its lock")
            }
        }
    }
}

impl Home {
    /// The home below `$LIMA_HOME`. Touches nothing.
    pub fn new(lima_home: &Path) -> Self {
        Self { lima_home: lima_home.to_owned(), dir: lima_home.join("_limekiln") }
    }

    /// `$LIMA_HOME`.
    pub fn lima_home(&self) -> &Path {
        &self.lima_home
    }

    /// Our directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The files by which people ask a controller for something.
    pub fn requests(&self) -> Vec<PathBuf> {
        ["requests.json", "notify"].map(|name| self.dir.join(name)).into()
    }

    /// Makes the directories, for this user alone.
    ///
    /// # Errors
    /// If they cannot be made, or others can write to them.
    pub fn prepare(&self) -> Result<(), HomeError> {
        for dir in [&self.lima_home, &self.dir, &self.dir.join("owners"), &self.dir.join("parked")]
        {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
            made.map_err(|source| HomeError::io(dir, source))?;
        }
        self.check()
    }

    /// Whether what is there can be believed. A home that does not exist yet can.
    ///
    /// # Errors
    /// If our directory is not one, or others can write to it.
    pub fn check(&self) -> Result<(), HomeError> {
        let metadata = match fs::symlink_metadata(&self.dir) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(HomeError::io(&self.dir, error)),
        };
        match distrust(&metadata) {
            Some(why) => Err(HomeError::Unsafe { path: self.dir.clone(), why }),
            None => Ok(()),
        }
    }

    /// Takes the lock for as long as the guard lives. Commands that only read take none.
    ///
    /// # Errors
    /// If somebody else has it, or the home cannot be used.
    pub fn lock(&self) -> Result<HomeLock, HomeError> {
        self.lock_as("")
    }

    /// The same for a controller; others are told that it is one.
    pub(crate) fn lock_for_controller(&self) -> Result<HomeLock, HomeError> {
        self.lock_as(CONTROLLER)
    }

    fn lock_as(&self, role: &str) -> Result<HomeLock, HomeError> {
        self.prepare()?;
        let path = self.dir.join("lock");
        let failed = |source| HomeError::io(&path, source);
        let mut options = File::options();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) if is_on(Mutant::IgnoresLock) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Without the number the message is still true.
                let _ = file.read_to_string(&mut text);
                let (pid, controller) = taken_by(&text);
                return Err(HomeError::Locked { home: self.lima_home.clone(), pid, controller });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
        writeln!(file, "{} {role}", std::process::id()).map_err(failed)?;
        self.sweep();
        let metadata = file.metadata().map_err(failed)?;
        let fence = Fence { path, home: self.lima_home.clone(), file: number(&metadata) };
        Ok(HomeLock { file, fence })
    }
}

/// What tells one file from another while either is open.
fn number(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

impl Home {
    /// Removes halves of files whose writer died. Who holds the lock is the only writer of most
    /// directories; what others are writing just then, and what cannot be removed now, is next
    /// time.
    fn sweep(&self) {
        if is_on(Mutant::LeavesHalves) {
            return;
        }
        for dir in ["parked", "revisions", "plans"] {
            remove_halves(&self.dir.join(dir));
        }
        // Commands claim what they make, and note what people ask for, under locks of their own.
        for (lock, dir) in
            [("owners.lock", self.dir.join("owners")), ("requests.lock", self.dir.clone())]
        {
            self.unless_held(lock, || remove_halves(&dir));
        }
    }

    /// Does something while nobody else has a lock. Where its file cannot be made nobody has, and
    /// what is removed makes room.
    fn unless_held(&self, lock: &str, act: impl FnOnce()) {
        let file = File::create(self.dir.join(lock));
        if !matches!(file.as_ref().map(File::try_lock), Ok(Err(_))) {
            act();
        }
    }
}

fn remove_halves(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(atomic::HALF) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn distrust(metadata: &Metadata) -> Option<&'static str> {
    if !metadata.is_dir() {
        Some("it is not a directory")
    } else if metadata.uid() != rustix::process::geteuid().as_raw() {
        Some("it belongs to another user")
    } else if metadata.mode() & 0o022 != 0 {
        Some("others can write to it")
    } else {
        None
    }
}

/// The lock on a home. The kernel frees it with the process, however that ends.
#[derive(Debug)]
pub struct HomeLock {
    file: File,
    fence: Fence,
}

impl Drop for HomeLock {
    /// Closing it would do, if no child that is just being started had it open, too.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

impl HomeLock {
    /// Tells whether this still is the lock.
    pub(crate) fn fence(&self) -> Fence {
        self.fence.clone()
    }
}

/// Stands before everything that the holder of a lock does.
///
/// A lock is held as long as its process lives, also while that is frozen. Whoever takes a frozen
/// process for a dead one and removes its lock file makes room for another; what the first one
/// would still do when it thaws is refused here, because its lock is no longer the file of that
/// name.
#[derive(Clone, Debug)]
pub(crate) struct Fence {
    path: PathBuf,
    home: PathBuf,
    file: (u64, u64),
}

impl Fence {
    /// # Errors
    /// If the lock is gone, or another one is in its place.
    pub(crate) fn check(&self) -> Result<(), HomeError> {
        match fs::metadata(&self.path) {
            _ if is_on(Mutant::IgnoresFence) => Ok(()),
            Ok(metadata) if number(&metadata) == self.file => Ok(()),
            _ => {
                let by = fs::read_to_string(&self.path).ok().map(|text| taken_by(&text));
                Err(HomeError::Lost { home: self.home.clone(), by })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn one_at_a_time_and_the_other_is_told_who() {
        let dir = tempfile::tempdir().expect("dir");
        let home = Home::new(dir.path());
        let lock = home.lock().expect("free");
        let error = home.lock().expect_err("held");
        assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
        // As a child that is being started would have it open for a moment.
        let _child = lock.file.try_clone().expect("one more");
        drop(lock);
        home.lock().expect("free again");
    }

    #[test]
    fn a_lock_that_was_taken_away_is_no_permission() {
        let dir = tempfile::tempdir().expect("dir");
        let home = Home::new(dir.path());
        let first = home.lock().expect("free");
        first.fence().check().expect("ours");
        fs::remove_file(home.dir().join("lock")).expect("removed");
        let error = first.fence().check().expect_err("gone").to_string();
        assert!(error.ends_with("while this process held it"), "{error}");
        let second = home.lock().expect("free");
        let error = first.fence().check().expect_err("another's").to_string();
        let other = format!("another limekiln (process {}) works there now", std::process::id());
        assert!(error.ends_with(&other), "{error}");
        second.fence().check().expect("ours");
    }

    #[test]
    fn halves_go_but_not_while_somebody_may_be_writing_them() {
        let dir = tempfile::tempdir().expect("dir");
        let home = Home::new(dir.path());
        home.prepare().expect("made");
        let write = |half: &str| fs::write(home.dir().join(half), "half").expect("writable");
        let halves = ["owners/.new-a", "parked/.new-a", ".new-a"];
        for (lock, theirs) in [("owners.lock", Some(0)), ("requests.lock", Some(2)), ("none", None)]
        {
            halves.iter().copied().for_each(write);
            let other = File::create(home.dir().join(lock)).expect("writable");
            other.lock().expect("free");
            drop(home.lock().expect("free"));
            for (number, half) in halves.iter().enumerate() {
                let there = home.dir().join(half).exists();
                assert_eq!(there, theirs == Some(number), "{half} under {lock}");
            }
        }
    }

    #[test]
    fn a_directory_that_others_can_write_is_refused() {
        let dir = tempfile::tempdir().expect("dir");
        let home = Home::new(dir.path());
        home.prepare().expect("made");
        assert_eq!(fs::metadata(home.dir()).expect("there").mode() & 0o777, 0o700);
        fs::set_permissions(home.dir(), fs::Permissions::from_mode(0o770)).expect("chmod");
        assert!(matches!(home.lock(), Err(HomeError::Unsafe { .. })));
    }

    #[test]
    fn a_link_is_refused() {
        let dir = tempfile::tempdir().expect("dir");
        let elsewhere = tempfile::tempdir().expect("dir");
        std::os::unix::fs::symlink(elsewhere.path(), dir.path().join("_limekiln")).expect("link");
        assert!(matches!(Home::new(dir.path()).check(), Err(HomeError::Unsafe { .. })));
    }
}
