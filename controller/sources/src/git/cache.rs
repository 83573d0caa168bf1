//! The directory below the cache that belongs to one source.
//!
//! `NAME/lock` is held while git works there; `NAME/HASH.git` is a bare repository, one for each
//! address, so that a source that is pointed elsewhere doesn't mix two histories. Next to it,
//! `HASH.new` is the repository that takes the place of a damaged one.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::{GitError, reference};

/// Where git puts what it was asked for, where it stays once it was read, and what was acted on last
/// while the repository is packed anew.
pub(super) const NEW: &str = "refs/limekiln/new";
pub(super) const TIP: &str = "refs/limekiln/tip";
pub(super) const TRUSTED: &str = "refs/limekiln/trusted";

/// A program that another thread has begun to start holds all that is open here until it runs, and
/// a git that has ended may leave children that end a moment later.
const PATIENCE: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(5);

/// Paths of one source.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    root: PathBuf,
    hash: String,
}

impl Cache {
    /// # Errors
    /// The name could lead elsewhere.
    pub(super) fn new(cache: &Path, name: &str, url: &str) -> Result<Self, GitError> {
        let plain = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
        if name.is_empty() || name.len() > 63 || name.starts_with('.') || !name.chars().all(plain) {
            let reason = "is no name for a source: up to 63 letters, digits, '-', '_' and '.'";
            return Err(GitError::Config { what: name.to_owned(), reason });
        }
        let hash = Sha256::digest(url.as_bytes());
        let hash = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { root: cache.join(name), hash })
    }

    /// The repository.
    pub(super) fn dir(&self) -> PathBuf {
        self.root.join(format!("{}.git", self.hash))
    }

    /// The repository that is to take its place.
    pub(super) fn spare(&self) -> PathBuf {
        self.root.join(format!("{}.new", self.hash))
    }

    /// Makes sure that no other git works here.
    ///
    /// # Errors
    /// One does; or the directory can't be made.
    pub(super) fn lock(&self) -> Result<File, GitError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.root)
            .map_err(|error| GitError::io(&self.root, error))?;
        let path = self.root.join("lock");
        let open = File::options().create(true).truncate(false).read(true).write(true).open(&path);
        let file = open.map_err(|error| GitError::io(&path, error))?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(GitError::io(path, error)),
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => sleep(POLL),
                Err(TryLockError::WouldBlock) => {
                    return Err(GitError::Busy { cache: self.root.clone() });
                }
            }
        }
    }

    /// Removes what killed ones left: with the lock held, nothing here is anybody's.
    pub(super) fn clean(&self) -> Result<(), GitError> {
        let (dir, spare) = (self.dir(), self.spare());
        if !dir.exists() && spare.exists() {
            fs::rename(&spare, &dir).map_err(|error| GitError::io(&dir, error))?;
        }
        remove(&spare)?;
        for folder in [dir.clone(), dir.join("objects"), dir.join("objects/pack")] {
            remove_leftovers(&folder)?;
        }
        for folder in ["refs", "refs/heads", "refs/tags", "refs/limekiln"] {
            remove_leftovers(&dir.join(folder))?;
        }
        Ok(())
    }

    /// Puts the spare repository into its place.
    pub(super) fn replace(&self) -> Result<(), GitError> {
        remove(&self.dir())?;
        fs::rename(self.spare(), self.dir()).map_err(|error| GitError::io(self.dir(), error))
    }

    /// Removes what earlier addresses of this source left. It is never needed again, so that it
    /// stays where it can't be removed.
    pub(super) fn forget_others(&self) {
        let own = self.dir();
        for path in fs::read_dir(&self.root).into_iter().flatten().flatten().map(|it| it.path()) {
            if path.extension().is_some_and(|end| end == "git") && path != own {
                let _ = fs::remove_dir_all(path);
            }
        }
    }
}

/// Forgets what an earlier fetch brought: a fetch can succeed without bringing anything.
pub(super) fn forget_new(dir: &Path) -> Result<(), GitError> {
    remove(&dir.join(NEW))
}

/// The object that a name of ours leads to.
pub(super) fn id_of(dir: &Path, name: &str) -> Option<String> {
    let text = fs::read_to_string(dir.join(name)).ok()?;
    let id = text.trim_end();
    reference::is_commit_id(id).then(|| id.to_owned())
}

/// What the object database is made of.
pub(super) struct Packs {
    /// The size of all its files.
    pub(super) bytes: u64,
    files: BTreeSet<PathBuf>,
}

impl Packs {
    pub(super) fn count(&self) -> usize {
        self.files.iter().filter(|path| path.extension().is_some_and(|end| end == "pack")).count()
    }

    /// The names of those files that came after others.
    pub(super) fn names_since(&self, before: &Self) -> Vec<String> {
        let came = self.files.difference(&before.files).filter_map(|path| path.file_name());
        came.map(|name| name.to_string_lossy().into_owned()).collect()
    }
}

/// Looks at the packs as they are now; those that are still coming have other names.
pub(super) fn packs(dir: &Path) -> Packs {
    let mut packs = Packs { bytes: 0, files: BTreeSet::new() };
    for entry in fs::read_dir(dir.join("objects/pack")).into_iter().flatten().flatten() {
        packs.bytes += entry.metadata().map_or(0, |metadata| metadata.len());
        packs.files.insert(entry.path());
    }
    packs
}

/// Removes packs that came after others.
pub(super) fn forget_packs(dir: &Path, before: &Packs) -> Result<(), GitError> {
    let now = packs(dir).files;
    now.difference(&before.files).try_for_each(|path| remove(path))
}

/// Removes what a git that was killed did not finish.
pub(super) fn remove_leftovers(folder: &Path) -> Result<(), GitError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(GitError::io(folder, error)),
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let ends = [".lock", ".keep"].iter().any(|end| name.ends_with(end));
        // The second kind is of `git repack`: whole packs that it had not put in place yet.
        if ends || ["tmp_", ".tmp-"].iter().any(|begin| name.starts_with(begin)) {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Removes a file or directory, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), GitError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(GitError::io(path, error)),
        _ => Ok(()),
    }
}
