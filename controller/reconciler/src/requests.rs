//! What people ask for beside the manifests: to leave objects alone, to let many go, to go back.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use limekiln_model::{Desired, ObjectId, Policy};
use serde::{Deserialize, Serialize};

use crate::{Home, Revision, atomic};

/// The version of the file that this program writes.
const VERSION: u64 = 1;

/// What is asked for. A controller minds it from its next look on; it needs not run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Objects on which nothing is done.
    pub suspended: BTreeSet<ObjectId>,
    /// Revisions that may delete more than the budget of a prune, and commits that need not
    /// descend from the last one.
    pub acknowledged: BTreeSet<String>,
    /// By source, the revision that is in force whatever it holds now.
    pub pinned: BTreeMap<String, String>,
    /// Revisions that are never applied again.
    pub rolled_back: BTreeSet<String>,
}

/// What a rollback did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Back {
    /// The source that is pinned now.
    pub source: String,
    /// To this revision.
    pub revision: String,
    /// The one that was left, and is never applied again.
    pub left: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    version: u64,
    suspended: BTreeSet<ObjectId>,
    acknowledged: BTreeSet<String>,
    #[serde(default)]
    pinned: BTreeMap<String, String>,
    #[serde(default)]
    rolled_back: BTreeSet<String>,
}

/// Requests that cannot be read: nobody can say then what is not to be touched.
#[derive(Debug, thiserror::Error)]
pub enum RequestsError {
    /// No permission, no space.
    #[error("cannot use {path}", path = .path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Torn, or of a later version.
    #[error("{path} cannot be understood", path = .path.display())]
    Damaged {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl RequestsError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Io { .. } => None,
            Self::Damaged { path, .. } => Some(format!(
                "nothing is done while it is unknown what is suspended: mend or remove {}",
                path.display()
            )),
        }
    }
}

impl Requests {
    /// Reads them. Without the file there are none.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub fn read(home: &Home) -> Result<Self, RequestsError> {
        let path = path(home);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(RequestsError::Io { path, source }),
        };
        let damaged = |source| RequestsError::Damaged { path: path.clone(), source };
        let stored: Stored = serde_json::from_slice(&bytes).map_err(damaged)?;
        if stored.version > VERSION {
            let newer = serde::de::Error::custom(format!("it has version {}", stored.version));
            return Err(damaged(newer));
        }
        let Stored { suspended, acknowledged, pinned, rolled_back, .. } = stored;
        Ok(Self { suspended, acknowledged, pinned, rolled_back })
    }

    /// Changes them. Two who do so at once do it one after the other; a controller that runs is
    /// not waited for.
    ///
    /// # Errors
    /// If they cannot be read or written.
    pub fn change(home: &Home, change: impl FnOnce(&mut Self)) -> Result<Self, RequestsError> {
        let path = path(home);
        let failed = |source| RequestsError::Io { path: path.clone(), source };
        home.prepare().map_err(|error| failed(io::Error::other(error)))?;
        let lock = File::create(path.with_extension("lock")).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut requests = Self::read(home)?;
        change(&mut requests);
        let Self { suspended, acknowledged, pinned, rolled_back } = requests.clone();
        let stored = Stored { version: VERSION, suspended, acknowledged, pinned, rolled_back };
        let bytes = serde_json::to_vec(&stored).map_err(|error| failed(error.into()))?;
        atomic::write(&path, &bytes).map_err(failed)?;
        Ok(requests)
    }

    /// Leaves objects alone; of each, whether it was not before.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub fn suspend(home: &Home, ids: &[ObjectId]) -> Result<Vec<bool>, RequestsError> {
        let mut changed = Vec::new();
        Self::change(home, |requests| {
            changed = ids.iter().map(|id| requests.suspended.insert(id.clone())).collect();
        })?;
        Ok(changed)
    }

    /// Ends that; of each, whether it was suspended.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub fn resume(home: &Home, ids: &[ObjectId]) -> Result<Vec<bool>, RequestsError> {
        let mut changed = Vec::new();
        Self::change(home, |requests| {
            changed = ids.iter().map(|id| requests.suspended.remove(id)).collect();
        })?;
        Ok(changed)
    }

    /// Allows what a revision or a commit would not by itself. Digits of a commit may be large.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub fn acknowledge(home: &Home, revision: &str) -> Result<(), RequestsError> {
        let is_commit = revision.len() == 40 && revision.bytes().all(|b| b.is_ascii_hexdigit());
        let revision = if is_commit { revision.to_ascii_lowercase() } else { revision.to_owned() };
        Self::change(home, |requests| {
            requests.acknowledged.insert(revision);
        })
        .map(|_| ())
    }

    /// Puts a revision in force, and the newest one of its source aside for good.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub fn roll_back(home: &Home, all: &[Revision], to: &Revision) -> Result<Back, RequestsError> {
        let newest = all.iter().rev().find(|one| one.source == to.source);
        let left = newest.filter(|left| left.revision != to.revision);
        let left = left.map(|left| left.revision.clone());
        Self::change(home, |requests| {
            requests.pinned.insert(to.source.clone(), to.revision.clone());
            requests.rolled_back.remove(&to.revision);
            requests.rolled_back.extend(left.clone());
        })?;
        Ok(Back { source: to.source.clone(), revision: to.revision.clone(), left })
    }

    /// Lets all sources be followed again; those that were not.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub fn release(home: &Home) -> Result<Vec<String>, RequestsError> {
        let mut released = Vec::new();
        Self::change(home, |requests| {
            released = std::mem::take(&mut requests.pinned).into_keys().collect();
        })?;
        Ok(released)
    }

    /// Has sources that are asked now and then be asked now.
    ///
    /// # Errors
    /// If the home cannot be written.
    pub fn notify(home: &Home) -> Result<(), RequestsError> {
        let file = home.dir().join("notify");
        let failed = |source| RequestsError::Io { path: file.clone(), source };
        home.prepare().map_err(|error| failed(io::Error::other(error)))?;
        fs::write(&file, jiff::Timestamp::now().to_string()).map_err(failed)
    }

    /// Puts them into what is wanted and allowed.
    pub(crate) fn apply(&self, desired: &mut Desired, policy: &mut Policy) {
        desired.suspended.extend(self.suspended.iter().cloned());
        policy.prune_all |= self.acknowledged.contains(&desired.revision);
    }
}

fn path(home: &Home) -> PathBuf {
    Path::new(home.dir()).join("requests.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_kept_and_what_is_damaged_is_no_permission() {
        let dir = tempfile::tempdir().expect("dir");
        let home = Home::new(dir.path());
        assert_eq!(Requests::read(&home).expect("none"), Requests::default());
        let web: ObjectId = "instance/web".parse().expect("an id");
        Requests::change(&home, |requests| {
            requests.suspended.insert(web.clone());
        })
        .expect("written");
        assert!(Requests::read(&home).expect("read").suspended.contains(&web));
        let whole = fs::read(path(&home)).expect("read");
        for cut in 0..whole.len() {
            fs::write(path(&home), &whole[..cut]).expect("cut");
            let error = Requests::read(&home).expect_err("damaged");
            assert!(error.hint().expect("a way out").contains("requests.json"), "{error}");
        }
        fs::write(path(&home), r#"{"version":2,"suspended":[],"acknowledged":[]}"#).expect("write");
        Requests::read(&home).expect_err("newer");
    }
}
