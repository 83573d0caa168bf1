//! The ledger's files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use limekiln_model::ObjectId;

use super::claim::{Claim, Claims, Reading};
use super::seen::Seen;
use super::turn::Turns;
use crate::home::{Fence, HomeError};
use crate::{Home, atomic};

/// Which objects are ours: one small file each, `owners/instance-web.json`.
///
/// One file per object instead of one for all: a torn or damaged file then costs one claim, not
/// all of them, and nothing is rewritten that did not change. What is lost is only ever a claim;
/// an object without one is left alone until it is adopted.
///
/// The claim of a deleted object waits in `parked/`, so that bringing the object back brings it
/// back as ours. Of several parkings of one name the latest claim is kept.
#[derive(Clone, Debug)]
pub struct Ledger {
    owners: PathBuf,
    parked: PathBuf,
    seen: Arc<Mutex<Seen>>,
    turns: Turns,
    /// Stands before what is written, where a lock is held.
    fence: Option<Fence>,
}

/// A ledger that cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// No permission, no space.
    #[error("cannot use the ledger file {path}", path = .path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Written by a later version of this program.
    #[error("{path} has version {version}; this limekiln knows version 1", path = .path.display())]
    Newer {
        /// What.
        path: PathBuf,
        /// Its version.
        version: u64,
    },
    /// Somebody else writes it now.
    #[error(transparent)]
    Lost(#[from] HomeError),
}

impl Ledger {
    /// The ledger of a home.
    pub fn new(home: &Home) -> Self {
        let [owners, parked] = ["owners", "parked"].map(|name| home.dir().join(name));
        let turns = Turns::new(home.dir());
        Self { owners, parked, seen: Arc::default(), turns, fence: None }
    }

    /// The same for the holder of a lock: nothing is written once that is lost.
    pub(crate) fn fenced(&self, fence: &Fence) -> Self {
        Self { fence: Some(fence.clone()), ..self.clone() }
    }

    /// # Errors
    /// If the lock is lost under which this ledger is written.
    pub(crate) fn may_write(&self) -> Result<(), LedgerError> {
        Ok(self.fence.as_ref().map_or(Ok(()), Fence::check)?)
    }

    /// Reads all claims. A ledger that does not exist has none.
    ///
    /// # Errors
    /// If the directory cannot be read, or a file was written by a later version: to guess what
    /// that one owns could destroy it.
    pub fn read(&self) -> Result<Arc<Claims>, LedgerError> {
        self.read_at(SystemTime::now())
    }

    /// The same with another clock.
    pub(super) fn read_at(&self, now: SystemTime) -> Result<Arc<Claims>, LedgerError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let read = seen.read(&self.owners, now);
        if read.is_err() {
            // It may have got half-way.
            *seen = Seen::default();
        }
        read
    }

    /// Moves damaged files aside, where they hinder nobody and can be looked at.
    ///
    /// # Errors
    /// If one cannot be renamed.
    pub fn set_aside(&self, claims: &Claims) -> Result<Vec<PathBuf>, LedgerError> {
        self.may_write()?;
        if !claims.damaged.is_empty() {
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).look_again();
        }
        let mut moved = Vec::new();
        for path in &claims.damaged {
            let aside = (1..)
                .map(|n| path.with_extension(format!("json.corrupt-{n}")))
                .find(|aside| !aside.exists())
                .expect("there is no end of numbers");
            fs::rename(path, &aside).map_err(|error| io_error(path, error))?;
            moved.push(aside);
        }
        Ok(moved)
    }

    /// Writes a claim, durably.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn put(&self, claim: &Claim) -> Result<(), LedgerError> {
        let _turn = self.turns.take()?;
        self.put_now(claim)
    }

    /// The same for who has the turn.
    fn put_now(&self, claim: &Claim) -> Result<(), LedgerError> {
        self.changing(&claim.id, Some(claim), || self.write(&self.owners, claim))
    }

    /// The claim on an object. A damaged one is none.
    ///
    /// # Errors
    /// If it cannot be read, or is of a later version.
    pub fn get(&self, id: &ObjectId) -> Result<Option<Claim>, LedgerError> {
        read_claim(&self.owners.join(file_name(id)))
    }

    /// Gives up the claim on an object.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn forget(&self, id: &ObjectId) -> Result<(), LedgerError> {
        let _turn = self.turns.take()?;
        self.forget_now(id)
    }

    /// The same for who has the turn.
    fn forget_now(&self, id: &ObjectId) -> Result<(), LedgerError> {
        self.changing(id, None, || self.remove(&self.owners.join(file_name(id))))
    }

    /// Writes a claim in place of the one that was read, or of none, unless somebody has changed
    /// that since. Who only keeps the books comes after who makes something.
    ///
    /// # Errors
    /// If it cannot be read or written.
    pub(crate) fn replace(&self, read: Option<&Claim>, now: &Claim) -> Result<(), LedgerError> {
        let _turn = self.turns.take()?;
        if self.get(&now.id)?.as_ref() == read { self.put_now(now) } else { Ok(()) }
    }

    /// Gives up a claim, unless somebody has changed it since.
    ///
    /// # Errors
    /// If it cannot be read or removed.
    pub(crate) fn forget_claim(&self, claim: &Claim) -> Result<(), LedgerError> {
        let _turn = self.turns.take()?;
        self.forget_unchanged_now(claim)
    }

    /// The same for who has the turn.
    fn forget_unchanged_now(&self, claim: &Claim) -> Result<(), LedgerError> {
        match self.get(&claim.id)? {
            Some(now) if now == *claim => self.forget_now(&claim.id),
            _ => Ok(()),
        }
    }

    /// Has a claim be on another name. What claims the old name by now stays if it is not this
    /// claim any more: somebody has made another object of that name since.
    ///
    /// # Errors
    /// If it cannot be read or written.
    pub(crate) fn rename(&self, claim: &Claim, to: ObjectId) -> Result<(), LedgerError> {
        let _turn = self.turns.take()?;
        self.put_now(&Claim { id: to, ..claim.clone() })?;
        self.forget_unchanged_now(claim)
    }

    /// Changes one file, so that what was read of the others need not be looked at again. That is
    /// only for whoever holds the home's lock: others do not know what they undo.
    fn changing(
        &self,
        id: &ObjectId,
        claim: Option<&Claim>,
        change: impl FnOnce() -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let seen = || self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let before = seen().changing(&self.owners, SystemTime::now());
        // Not held meanwhile: a disk that hangs holds up whoever writes, and nobody who reads.
        if let Err(error) = change() {
            seen().look_again();
            return Err(error);
        }
        if self.fence.is_some() {
            seen().changed(&self.owners, id, claim.cloned(), before, SystemTime::now());
        }
        Ok(())
    }

    /// Notes the claim for when the object, which is about to be parked, is brought back.
    pub(crate) fn note_parked(&self, id: &ObjectId) -> Result<(), LedgerError> {
        let claim = self.get(id)?.map(|claim| Claim { restarting: false, ..claim });
        claim.map_or(Ok(()), |claim| self.write(&self.parked, &claim))
    }

    /// The claim that was noted when the object was parked.
    pub(crate) fn parked(&self, id: &ObjectId) -> Result<Option<Claim>, LedgerError> {
        read_claim(&self.parked.join(file_name(id)))
    }

    /// Drops that note.
    pub(crate) fn forget_parked(&self, id: &ObjectId) -> Result<(), LedgerError> {
        self.remove(&self.parked.join(file_name(id)))
    }

    fn write(&self, dir: &Path, claim: &Claim) -> Result<(), LedgerError> {
        self.may_write()?;
        let path = dir.join(file_name(&claim.id));
        atomic::write(&path, &claim.to_bytes()).map_err(|error| io_error(&path, error))
    }

    fn remove(&self, path: &Path) -> Result<(), LedgerError> {
        self.may_write()?;
        atomic::remove(path).map_err(|error| io_error(path, error))
    }
}

/// Names have no character that means something in a path.
pub(super) fn file_name(id: &ObjectId) -> String {
    format!("{}-{}.json", id.kind, id.name)
}

pub(super) fn io_error(path: &Path, source: io::Error) -> LedgerError {
    LedgerError::Io { path: path.to_owned(), source }
}

pub(super) fn read_claim(path: &Path) -> Result<Option<Claim>, LedgerError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(path, error)),
    };
    match Claim::from_bytes(&bytes) {
        Reading::Claim(claim) => Ok(Some(claim)),
        Reading::Damaged => Ok(None),
        Reading::Newer(version) => Err(LedgerError::Newer { path: path.to_owned(), version }),
    }
}
