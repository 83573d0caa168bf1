//! Objects that are being made, below `_limekiln/staging`.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use limekiln_engine::EngineError;
use limekiln_model::ObjectId;

use crate::disks::{publish, remove_dir};
use crate::error::file;
use crate::paths::Paths;

/// Between an object and what tells its directory from all others. No name has it.
const APART: char = '+';
/// How often a directory is made anew that another process swept away.
const TRIES: usize = 8;
/// One at a time in a process: what one sweep locks is not being made, as another would read it.
static MAKING: Mutex<()> = Mutex::new(());

/// A directory that nobody sees until it is complete. It goes with this unless it is published;
/// what a crash leaves behind goes when the next object is made.
///
/// The lock on it says that somebody works here, also to other processes: commands make objects
/// beside a controller. No path comes twice, for a thread that still works when this is dropped
/// goes on by path, and must not write into what another makes.
#[derive(Debug)]
pub(crate) struct Staging {
    dir: PathBuf,
    lock: File,
}

impl Staging {
    /// An empty directory for an object.
    ///
    /// # Errors
    /// If somebody else is making that object, or it cannot be made.
    pub(crate) fn new(paths: &Paths, object: &ObjectId) -> Result<Self, EngineError> {
        let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        let all = paths.staging();
        if let Some(process) = sweep(&all, object) {
            return Err(busy(object, &process));
        }
        fs::create_dir_all(&all).map_err(file("make", &all))?;
        for _ in 0..TRIES {
            if let Some(staging) = Self::make(all.join(new_name(&prefix(object))))? {
                return Ok(staging);
            }
        }
        Err(EngineError::transient(format!("{} is emptied again and again", all.display())))
    }

    /// Makes the directory and locks it; `None` if another process's sweep took it for a left one
    /// between these two.
    fn make(dir: PathBuf) -> Result<Option<Self>, EngineError> {
        fs::create_dir(&dir).map_err(file("make", &dir))?;
        match File::open(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => Self::lock(opened.map_err(file("open", &dir))?, dir),
        }
    }

    fn lock(lock: File, dir: PathBuf) -> Result<Option<Self>, EngineError> {
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(file("lock", &dir)(error)),
        }
        let staging = Self { dir, lock };
        Ok(staging.is_there().then_some(staging))
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Moves what is complete to its place, durably.
    ///
    /// # Errors
    /// If something is there by now, or this is no longer the directory that was made.
    pub(crate) fn publish(self, place: &Path) -> Result<(), EngineError> {
        if !self.is_there() {
            let message = format!("{} was taken away", self.dir.display());
            return Err(EngineError::transient(message).hint("nothing was made; try again"));
        }
        publish(&self.dir, place)
    }

    /// Whether the path still is the directory that is locked.
    fn is_there(&self) -> bool {
        let number = |metadata: Metadata| (metadata.dev(), metadata.ino());
        let there = fs::symlink_metadata(&self.dir).map(number);
        self.lock.metadata().is_ok_and(|locked| there.is_ok_and(|it| it == number(locked)))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // The next sweep tries again.
        let _ = if self.is_there() { remove_dir(&self.dir) } else { Ok(()) };
    }
}

/// Removes what nobody works on any more. Gives the process that is making the object.
fn sweep(staging: &Path, object: &ObjectId) -> Option<String> {
    let mut maker = None;
    for entry in fs::read_dir(staging).into_iter().flatten().flatten() {
        let dir = entry.path();
        let Ok(lock) = File::open(&dir) else { continue };
        match lock.try_lock() {
            // That it cannot be removed is no reason not to make something new.
            Ok(()) => drop(clear(staging, &dir)),
            Err(TryLockError::WouldBlock) => {
                maker = maker.or_else(|| maker_of(&entry.file_name(), object));
            }
            Err(TryLockError::Error(_)) => {}
        }
    }
    maker
}

/// Removes a directory that is locked here until it is gone: whoever has just made it does not begin
/// to work there. Under a name that is no object's, since removing may take long, and nobody is
/// making that object.
fn clear(staging: &Path, dir: &Path) -> Result<(), EngineError> {
    let left = staging.join(new_name(""));
    fs::rename(dir, &left).map_err(file("move", dir))?;
    remove_dir(&left)
}

/// The process that made a directory, if it is one for the object.
fn maker_of(name: &OsStr, object: &ObjectId) -> Option<String> {
    let (what, made) = name.to_str()?.split_once(APART)?;
    let (process, _) = made.split_once(APART)?;
    (what == prefix(object)).then(|| process.to_owned())
}

/// A name that no directory has had, for what it is of.
fn new_name(what: &str) -> String {
    let (process, now) = (std::process::id(), Timestamp::now().as_nanosecond());
    format!("{what}{APART}{process}{APART}{now}")
}

fn prefix(object: &ObjectId) -> String {
    format!("{}-{}", object.kind, object.name)
}

/// A precondition, and not transient: the object will be theirs, and a claim on it that was only
/// just written has to go.
fn busy(object: &ObjectId, process: &str) -> EngineError {
    EngineError::precondition(format!("{object} is being made already, by process {process}"))
        .hint("try again when that has ended; a controller does so by itself")
}

#[cfg(test)]
mod tests {
    use limekiln_engine::ErrorClass;

    use super::*;

    fn home() -> (tempfile::TempDir, Paths) {
        let home = tempfile::tempdir().expect("a directory");
        let paths = Paths::new(home.path());
        (home, paths)
    }

    fn id(text: &str) -> ObjectId {
        text.parse().expect("an id")
    }

    #[test]
    fn what_a_crash_left_goes_and_what_is_made_stays() {
        let (home, paths) = home();
        for left in ["instance-old", "instance-a+1+2"] {
            fs::create_dir_all(paths.staging().join(left).join("half")).expect("writable");
        }
        let first = Staging::new(&paths, &id("instance/a")).expect("made");
        assert_eq!(fs::read_dir(paths.staging()).expect("there").count(), 1);
        let second = Staging::new(&paths, &id("instance/b")).expect("made");
        assert!(first.dir().exists(), "somebody works there");
        fs::write(second.dir().join("file"), "whole").expect("writable");
        second.publish(&home.path().join("b")).expect("published");
        assert_eq!(fs::read_to_string(home.path().join("b/file")).expect("moved"), "whole");
        drop(first);
        assert_eq!(fs::read_dir(paths.staging()).expect("there").count(), 0);
    }

    #[test]
    fn of_two_who_make_the_same_the_second_is_refused() {
        let (_home, paths) = home();
        let first = Staging::new(&paths, &id("disk/data")).expect("made");
        fs::write(first.dir().join("datadisk"), "half").expect("writable");
        let refused = Staging::new(&paths, &id("disk/data")).expect_err("it is being made");
        assert_eq!(refused.class, ErrorClass::Precondition);
        let whose = format!("by process {}", std::process::id());
        assert!(refused.message.ends_with(&whose), "{refused}");
        assert!(first.dir().join("datadisk").exists());
        // A name that goes on differently is another's.
        Staging::new(&paths, &id("disk/data-2")).expect("another disk");
        Staging::new(&paths, &id("instance/data")).expect("no disk");
        let before = first.dir().to_owned();
        drop(first);
        let next = Staging::new(&paths, &id("disk/data")).expect("nobody makes it");
        assert_ne!(next.dir(), before, "a thread of the first may still write there");
    }

    #[test]
    fn a_directory_that_another_took_the_place_of_is_not_published() {
        let (home, paths) = home();
        let first = Staging::new(&paths, &id("disk/data")).expect("made");
        let dir = first.dir().to_owned();
        fs::rename(&dir, home.path().join("away")).expect("ours");
        fs::create_dir(&dir).expect("writable");
        let refused = first.publish(&home.path().join("data")).expect_err("another's");
        assert!(refused.message.ends_with("was taken away"), "{refused}");
        assert!(dir.exists() && !home.path().join("data").exists());
    }

    #[test]
    fn what_is_in_its_place_by_now_is_left_there() {
        let (home, paths) = home();
        let first = Staging::new(&paths, &id("instance/a")).expect("made");
        let place = home.path().join("a");
        fs::create_dir(&place).expect("writable");
        fs::write(place.join("lima.yaml"), "another's").expect("writable");
        let refused = first.publish(&place).expect_err("it exists");
        assert_eq!(refused.class, ErrorClass::Precondition, "{refused}");
        assert_eq!(fs::read_to_string(place.join("lima.yaml")).expect("there"), "another's");
    }

    #[test]
    fn what_was_swept_away_before_it_was_locked_is_not_worked_in() {
        let (home, _) = home();
        let dir = home.path().join("disk-data+1+1");
        let opened = || {
            fs::create_dir_all(&dir).expect("writable");
            File::open(&dir).expect("there")
        };
        let lock = |opened| Staging::lock(opened, dir.clone()).expect("readable");
        let sweeping = opened();
        sweeping.lock().expect("free");
        assert!(lock(opened()).is_none(), "it is going");
        drop(sweeping);
        let left = opened();
        fs::remove_dir(&dir).expect("empty");
        assert!(lock(left).is_none(), "it is gone");
        assert!(lock(opened()).is_some());
    }

    /// As another process does, between the two steps of making a directory as well: it knows
    /// nothing of our mutex.
    #[test]
    fn another_sweep_takes_nothing_away_that_somebody_works_in() {
        let (_home, paths) = home();
        let (all, ended) = (paths.staging(), std::sync::atomic::AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !ended.load(std::sync::atomic::Ordering::Relaxed) {
                    sweep(&all, &id("disk/other"));
                }
            });
            for _ in 0..500 {
                // For a moment a sweep looks like a maker.
                let mut tries = (0..10_000).map(|_| Staging::new(&paths, &id("disk/data")));
                let made = tries.find_map(Result::ok);
                let there =
                    made.as_ref().is_some_and(|made| fs::write(made.dir().join("a"), "").is_ok());
                if !there {
                    ended.store(true, std::sync::atomic::Ordering::Relaxed);
                    panic!("{made:?}");
                }
            }
            ended.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    }
}
