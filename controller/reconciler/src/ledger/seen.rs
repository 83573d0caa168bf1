//! What was read of the ledger, for as long as its files are as they were.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use limekiln_api::Stamp;
use limekiln_model::ObjectId;

use super::store::{LedgerError, file_name, io_error, read_claim};
use super::{Claim, Claims};

/// We replace files and never write into them, which shows in their directory. Whether somebody
/// else did is looked at so often at most.
const SELDOM: Duration = Duration::from_secs(5);

/// The claims, and what each file was when it was read.
///
/// Only we write these files while we hold the home's lock, but others may: what cannot be known
/// to be the same is read again. Without this, reading gives the same and takes longer.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The directory when all files were looked at, and when that was.
    thorough: Option<(Stamp, SystemTime)>,
    files: BTreeMap<String, (Stamp, Option<Arc<Claim>>)>,
    claims: Arc<Claims>,
}

impl Seen {
    /// The claims of a directory now.
    pub(super) fn read(&mut self, dir: &Path, now: SystemTime) -> Result<Arc<Claims>, LedgerError> {
        let before = fs::metadata(dir).ok().map(|metadata| Stamp::of(&metadata, now));
        if let (Some((then, when)), Some(before)) = (&self.thorough, &before)
            && then.holds(before)
            && now.duration_since(*when).is_ok_and(|since| since <= SELDOM)
        {
            return Ok(Arc::clone(&self.claims));
        }
        let (mut files, mut same) = (BTreeMap::new(), true);
        for name in names(dir)? {
            let path = dir.join(&name);
            let stamp = match fs::metadata(&path) {
                Ok(metadata) => Stamp::of(&metadata, now),
                // Given up between the list and the look at it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(io_error(&path, error)),
            };
            let known = self.files.remove(&name).filter(|(before, _)| before.holds(&stamp));
            let claim = match known {
                Some((_, claim)) => claim,
                None => {
                    same = false;
                    let read = read_claim(&path)?.filter(|claim| file_name(&claim.id) == name);
                    read.map(Arc::new)
                }
            };
            files.insert(name, (stamp, claim));
        }
        // What is left was not found again.
        if !same || !self.files.is_empty() {
            self.claims = Arc::new(claims(dir, &files));
        }
        (self.files, self.thorough) = (files, before.map(|before| (before, now)));
        Ok(Arc::clone(&self.claims))
    }
}

/// A change of ours to one file.
#[derive(Clone, Copy)]
pub(super) struct Change(Option<(Stamp, SystemTime)>);

impl Seen {
    /// To be called before a file is changed by who holds the lock, and [`Self::changed`] after
    /// it. That somebody else changed one in the same moment shows at the next thorough look.
    pub(super) fn changing(&self, dir: &Path, now: SystemTime) -> Change {
        let known = self.thorough.as_ref().filter(|(then, _)| {
            let before = fs::metadata(dir).ok().map(|metadata| Stamp::of(&metadata, now));
            before.is_some_and(|before| then.rested().holds(&before))
        });
        Change(known.copied())
    }

    /// All files are to be looked at again.
    pub(super) fn look_again(&mut self) {
        self.thorough = None;
    }

    /// What is known stays known, if it was before the change: it was ours.
    pub(super) fn changed(
        &mut self,
        dir: &Path,
        id: &ObjectId,
        claim: Option<Claim>,
        change: Change,
        now: SystemTime,
    ) {
        let Change(Some((_, when))) = change else { return };
        let name = file_name(id);
        let stamps = [dir.to_owned(), dir.join(&name)].map(|path| fs::metadata(path).ok());
        let [Some(after), file] = stamps.map(|data| data.map(|data| Stamp::of(&data, now))) else {
            return self.thorough = None;
        };
        let claims = Arc::make_mut(&mut self.claims);
        claims.damaged.retain(|damaged| *damaged != dir.join(&name));
        match claim.map(Arc::new) {
            Some(claim) => {
                let Some(file) = file else { return self.thorough = None };
                claims.by_id.insert(id.clone(), Arc::clone(&claim));
                self.files.insert(name, (file, Some(claim)));
            }
            None => {
                claims.by_id.remove(id);
                self.files.remove(&name);
            }
        }
        self.thorough = Some((after.rested(), when));
    }
}

/// The files of claims. A directory that does not exist has none.
fn names(dir: &Path) -> Result<Vec<String>, LedgerError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io_error(dir, error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(|error| io_error(dir, error))?.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with('.') && name.ends_with(".json") {
            names.push(name.into_owned());
        }
    }
    Ok(names)
}

fn claims(dir: &Path, files: &BTreeMap<String, (Stamp, Option<Arc<Claim>>)>) -> Claims {
    let mut claims = Claims::default();
    for (name, (_, claim)) in files {
        match claim {
            Some(claim) => drop(claims.by_id.insert(claim.id.clone(), Arc::clone(claim))),
            None => claims.damaged.push(dir.join(name)),
        }
    }
    claims
}
