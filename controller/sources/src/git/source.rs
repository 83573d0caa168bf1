//! One repository, fetched and read.

use std::fs::File;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use limekiln_api::mutant::{Mutant, is_on};

use super::cache::{self, Cache};
use super::objects::{self, Objects};
use super::program::Git;
use super::reader::Reader;
use super::room::{self, Packed};
use super::signature::{self, Verifier};
use super::url::Url;
use super::{GitConfig, GitError, GitOptions, GitReference, Stopper, Verify};
use super::{history, local, reference, refused, transfer};
use crate::Snapshot;

/// A git repository that is read again and again. Blocks; nothing runs between calls.
#[derive(Debug)]
pub struct GitSource {
    name: String,
    config: GitConfig,
    options: GitOptions,
    url: Url,
    cache: Cache,
    stopper: Stopper,
    /// The last commit whose signature was checked.
    verified: Option<Verified>,
    /// What was packed anew last, to make room.
    packed: Option<Packed>,
}

type Stamp = (PathBuf, u64, Option<SystemTime>);

/// A commit whose signature was good.
#[derive(Debug)]
struct Verified {
    commit: String,
    /// The files of keys as they were then.
    keys: Vec<Stamp>,
    /// When. Keys expire in files that nobody touches. By the clock of the host, as they do: another
    /// one stands still while the host sleeps.
    at: SystemTime,
}

impl Verified {
    fn now(commit: String, verify: &Verify) -> Self {
        Self { commit, keys: verify.files().map(stamp).collect(), at: SystemTime::now() }
    }

    /// Whether a check now would come to the same as this one, `within` that time of it. After a
    /// clock that was set back nobody knows.
    fn holds(&self, now: &Self, within: Duration) -> bool {
        let is_young = now.at.duration_since(self.at).is_ok_and(|age| age < within);
        is_young && self.commit == now.commit && self.keys == now.keys
    }
}

impl GitSource {
    /// Checks the configuration; touches neither the network nor the disk. What is fetched is kept
    /// in `cache/NAME`, which belongs to this source alone.
    ///
    /// # Errors
    /// Something in the configuration is wrong: [`GitError::Url`], [`GitError::Reference`],
    /// [`GitError::Config`] or [`GitError::Keys`].
    pub fn open(
        name: &str,
        config: &GitConfig,
        cache: &Path,
        options: &GitOptions,
    ) -> Result<Self, GitError> {
        let url = Url::parse(&config.url)?;
        config.reference.remote_name()?;
        let mut config = config.clone();
        config.subdirectory = config.subdirectory.as_deref().map(subdirectory).transpose()?;
        if let Some(verify) = &config.verify {
            signature::check_keys(verify, &url)?;
        }
        Ok(Self {
            name: name.to_owned(),
            cache: Cache::new(cache, name, &config.url)?,
            config,
            options: options.clone(),
            url,
            stopper: Stopper::default(),
            verified: None,
            packed: None,
        })
    }

    /// Ends fetches of this source from another thread.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Fetches, and reads what the reference leads to now.
    ///
    /// `trusted` is the last commit acted on: only its descendants are read, and the signatures of
    /// all commits since it are checked. Without it any commit is read, and only its own signature
    /// is checked. `acknowledged` is a commit that is read although it doesn't descend from
    /// `trusted`; it excuses no signature.
    ///
    /// # Errors
    /// See [`GitError`]; [`GitError::is_unreachable`] tells a remote that is away from one that
    /// holds something wrong.
    pub fn fetch(
        &mut self,
        trusted: Option<&str>,
        acknowledged: Option<&str>,
    ) -> Result<Snapshot, GitError> {
        let trusted = trusted.map(|commit| self.known(commit)).transpose()?;
        let lock = self.cache.lock()?;
        self.cache.clean()?;
        let dir = self.cache.dir();
        let read = match self.attempt(&dir, &lock, trusted, acknowledged) {
            Err(GitError::Damaged { .. }) => {
                let read = self.attempt(&self.cache.spare(), &lock, trusted, acknowledged)?;
                self.cache.replace()?;
                read
            }
            other => other?,
        };
        self.cache.forget_others();
        Ok(read)
    }

    /// What a commit held that was fetched before, without asking anybody: the remote may be gone,
    /// or its branch rewound.
    ///
    /// # Errors
    /// The commit is not in the cache, the cache is damaged, the commit's files break a rule, or as
    /// [`Self::stands`].
    pub fn last_good(&mut self, commit: &str) -> Result<Snapshot, GitError> {
        self.stands(commit)?;
        let id = self.known(commit)?;
        self.reader(&self.cached(id)?).read(&self.name, id)
    }

    /// Whether a commit that was acted on may be acted on still: by the keys of now, which may be
    /// others than those of then. Asks nobody either.
    ///
    /// # Errors
    /// [`GitError::Untrusted`]; any other, if that cannot be found out.
    pub fn stands(&mut self, commit: &str) -> Result<(), GitError> {
        let Some(verify) = self.config.verify.clone() else { return Ok(()) };
        let id = self.known(commit)?;
        let now = Verified::now(id.to_string(), &verify);
        if self.is_verified(&now) {
            return Ok(());
        }
        let (objects, dir, lock) = (self.cached(id)?, self.cache.dir(), self.cache.lock()?);
        let (options, url, stopper) = (&self.options, &self.url, &self.stopper);
        let deadline = Instant::now() + options.timeout;
        let (dir, lock) = (&*dir, &lock);
        let git = Git { options, url, dir, lock, stopper, deadline, fresh: false };
        Verifier::new(&git, &objects, &verify)?.check(id)?;
        self.verified = Some(now);
        Ok(())
    }

    fn is_verified(&self, now: &Verified) -> bool {
        let last = self.verified.as_ref();
        last.is_some_and(|last| last.holds(now, self.options.verify_again))
    }

    /// The objects that were fetched before, a commit among them.
    fn cached(&self, id: gix_hash::ObjectId) -> Result<Objects, GitError> {
        let unknown =
            || GitError::UnknownCommit { url: self.url.shown.clone(), commit: id.to_string() };
        let dir = self.cache.dir();
        if !dir.join("objects").is_dir() {
            return Err(unknown());
        }
        let objects = Objects::open(&dir)?;
        if objects.header(id)?.is_none() { Err(unknown()) } else { Ok(objects) }
    }

    fn known(&self, commit: &str) -> Result<gix_hash::ObjectId, GitError> {
        let id = Some(commit).filter(|commit| reference::is_commit_id(commit));
        let reason = "is no commit id of 40 hex digits";
        id.and_then(objects::parse)
            .ok_or_else(|| GitError::Config { what: commit.to_owned(), reason })
    }

    /// One fetch into one directory.
    fn attempt(
        &mut self,
        dir: &Path,
        lock: &File,
        trusted: Option<gix_hash::ObjectId>,
        acknowledged: Option<&str>,
    ) -> Result<Snapshot, GitError> {
        let deadline = Instant::now() + self.options.timeout;
        let (options, stopper) = (self.options.clone(), self.stopper.clone());
        let url = self.url.clone();
        let fresh = *dir == self.cache.spare();
        let git =
            Git { options: &options, url: &url, dir, lock, stopper: &stopper, deadline, fresh };
        local::check(&git, &url)?;
        transfer::prepare(&git)?;
        if let Some(id) = self.pinned(dir) {
            return self.read(&git, &id, trusted, acknowledged);
        }
        room::make(&git, trusted, &mut self.packed)?;
        // Making room may have taken long.
        let (git, before) = (git.renewed(), cache::packs(dir));
        let fetched = transfer::fetch(&git, &self.config.reference);
        let read = fetched.and_then(|id| self.read(&git, &id, trusted, acknowledged));
        if read.is_err() {
            refused::keep(dir, &before)?;
        }
        read
    }

    /// Reads what was fetched, if it may be acted on.
    fn read(
        &mut self,
        git: &Git<'_>,
        fetched: &str,
        trusted: Option<gix_hash::ObjectId>,
        acknowledged: Option<&str>,
    ) -> Result<Snapshot, GitError> {
        let objects = Objects::open(git.dir)?;
        let tip = self.commit(&objects, fetched)?;
        let trusted = self.forward(git, &objects, trusted, tip, acknowledged)?;
        self.verify(git, &objects, trusted, tip)?;
        let snapshot = self.reader(&objects).read(&self.name, tip)?;
        history::keep(git, &tip.to_string())?;
        Ok(snapshot)
    }

    /// The commit that the configuration names, if it was fetched: it never changes, and the
    /// remote need not be asked.
    fn pinned(&self, dir: &Path) -> Option<String> {
        let GitReference::Commit(wanted) = &self.config.reference else { return None };
        cache::id_of(dir, cache::TIP).filter(|id| id.eq_ignore_ascii_case(wanted))
    }

    fn commit(&self, objects: &Objects, fetched: &str) -> Result<gix_hash::ObjectId, GitError> {
        let id = self.known(fetched)?;
        objects.peel(id)?.map_err(|kind| GitError::NotACommit {
            url: self.url.shown.clone(),
            reference: self.config.reference.to_string(),
            kind: kind.to_string(),
        })
    }

    /// Refuses to go back. What is trusted, if the cache has it.
    fn forward(
        &self,
        git: &Git<'_>,
        objects: &Objects,
        trusted: Option<gix_hash::ObjectId>,
        tip: gix_hash::ObjectId,
        acknowledged: Option<&str>,
    ) -> Result<Option<gix_hash::ObjectId>, GitError> {
        let Some(from) = trusted.filter(|from| *from != tip) else { return Ok(trusted) };
        let (from_id, to) = (from.to_string(), tip.to_string());
        let known = objects.header(from)?.is_some();
        // A commit that the host's own configuration names needs no further consent.
        let agreed = acknowledged.is_some_and(|commit| commit.eq_ignore_ascii_case(&to))
            || matches!(self.config.reference, GitReference::Commit(_));
        let agreed = agreed || is_on(Mutant::FollowsRewinds);
        if agreed || known && history::descends(git, &from_id, &to)? {
            return Ok(trusted.filter(|_| known));
        }
        let (url, reference) = (self.url.shown.clone(), self.config.reference.to_string());
        Err(GitError::Rewound { url, reference, from: from_id, to })
    }

    /// Checks the signature of each commit since the trusted one, and always that of the tip.
    fn verify(
        &mut self,
        git: &Git<'_>,
        objects: &Objects,
        trusted: Option<gix_hash::ObjectId>,
        tip: gix_hash::ObjectId,
    ) -> Result<(), GitError> {
        let Some(verify) = &self.config.verify else { return Ok(()) };
        let now = Verified::now(tip.to_string(), verify);
        if trusted == Some(tip) && self.is_verified(&now) {
            return Ok(());
        }
        let mut commits = match trusted {
            Some(from) => history::since(git, &from.to_string(), &now.commit)?,
            None => Vec::new(),
        };
        if commits.last() != Some(&now.commit) {
            commits.push(now.commit.clone());
        }
        let verifier = Verifier::new(git, objects, verify)?;
        for commit in &commits {
            verifier.check(self.known(commit)?)?;
        }
        self.verified = Some(now);
        Ok(())
    }

    fn reader<'a>(&'a self, objects: &'a Objects) -> Reader<'a> {
        let (config, url, options) = (&self.config, &self.url, &self.options.read);
        Reader { objects, config, url, options }
    }
}

fn stamp(file: &Path) -> Stamp {
    let metadata = file.metadata().ok();
    let size = metadata.as_ref().map_or(0, std::fs::Metadata::len);
    (file.to_owned(), size, metadata.and_then(|metadata| metadata.modified().ok()))
}

/// The path without what changes nothing in it.
fn subdirectory(path: &Path) -> Result<PathBuf, GitError> {
    let plain = |step| matches!(step, Component::Normal(_) | Component::CurDir);
    if path.as_os_str().is_empty() || !path.components().all(plain) {
        let what = path.to_string_lossy().into_owned();
        let reason = "is no path below the repository's top: it is relative, without '..'";
        return Err(GitError::Config { what, reason });
    }
    Ok(path.components().filter(|step| *step != Component::CurDir).collect())
}
