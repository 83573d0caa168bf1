//! What is asked for, in one file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use limekiln_model::{Desired, ObjectId, Observed, Policy};

use super::{OfSource, stored};
use crate::{Home, atomic};

/// What is asked for. A controller minds it from its next look on; it needs not run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Objects on which nothing is done.
    pub suspended: BTreeSet<ObjectId>,
    /// Commits that need not descend from the last one. They may delete no more than others.
    pub rewinds: BTreeSet<String>,
    /// Revisions that may delete more than the budget of a prune: each of its source, or that of
    /// all sources together. No controller has met them in force yet.
    pub deletions: BTreeSet<OfSource>,
    /// By source, the revision in force that may delete more. It ends with that revision.
    pub letting_go: BTreeMap<String, String>,
    /// By source, the revision that is in force whatever it holds now.
    pub pinned: BTreeMap<String, String>,
    /// By source, the revision that it was released from: it counts in place of those that were
    /// rolled back, until the source holds another one.
    pub released: BTreeMap<String, String>,
    /// Revisions that are never applied again, each of its source.
    pub rolled_back: BTreeSet<OfSource>,
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
        stored::parse(&bytes).map_err(|source| RequestsError::Damaged { path, source })
    }

    /// Changes them. Two who do so at once do it one after the other; a controller that runs is
    /// not waited for.
    ///
    /// # Errors
    /// If they cannot be read or written.
    pub fn change(home: &Home, change: impl FnOnce(&mut Self)) -> Result<Self, RequestsError> {
        Self::change_under(home, File::lock, change)
    }

    /// The same for a controller, which waits for nobody.
    ///
    /// # Errors
    /// As [`Self::change`], also if somebody else changes them.
    pub(crate) fn change_now(
        home: &Home,
        change: impl FnOnce(&mut Self),
    ) -> Result<Self, RequestsError> {
        Self::change_under(home, |lock| lock.try_lock().map_err(io::Error::from), change)
    }

    fn change_under(
        home: &Home,
        take: impl FnOnce(&File) -> io::Result<()>,
        change: impl FnOnce(&mut Self),
    ) -> Result<Self, RequestsError> {
        let path = path(home);
        let failed = |source| RequestsError::Io { path: path.clone(), source };
        home.prepare().map_err(|error| failed(io::Error::other(error)))?;
        let lock = File::create(path.with_extension("lock")).map_err(failed)?;
        take(&lock).map_err(failed)?;
        let mut requests = Self::read(home)?;
        change(&mut requests);
        let bytes = stored::bytes(&requests).map_err(|error| failed(error.into()))?;
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

    /// Whether a text is all of a commit id. Its digits may be large.
    pub fn is_commit(text: &str) -> bool {
        stored::is_commit(text)
    }

    /// Lets a branch lead to a commit that does not descend from the last one; no more than that.
    /// Its digits may be large.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub fn follow(home: &Home, commit: &str) -> Result<(), RequestsError> {
        let commit = commit.to_ascii_lowercase();
        Self::change(home, |requests| {
            requests.rewinds.insert(commit);
        })
        .map(|_| ())
    }

    /// Lets revisions delete more than the budget of a prune, each the next time that it is in
    /// force, and as long as it stays so.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub fn let_go(
        home: &Home,
        revisions: impl IntoIterator<Item = OfSource>,
    ) -> Result<(), RequestsError> {
        Self::change(home, |requests| requests.deletions.extend(revisions)).map(|_| ())
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
    pub(crate) fn apply(&self, desired: &mut Desired, observed: &Observed, policy: &mut Policy) {
        desired.suspended.extend(self.suspended.iter().cloned());
        policy.prune_all_of.extend(self.let_go_of(desired, observed));
    }
}

pub(super) fn path(home: &Home) -> PathBuf {
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
        fs::write(path(&home), r#"{"version":4,"suspended":[]}"#).expect("write");
        Requests::read(&home).expect_err("newer");
    }

    #[test]
    fn what_an_earlier_release_acknowledged_is_a_rewind_or_a_deletion_and_never_both() {
        let dir = tempfile::tempdir().expect("dir");
        let home = Home::new(dir.path());
        home.prepare().expect("writable");
        let (commit, digest) = ("a1".repeat(20), "b2".repeat(32));
        let text = format!(
            r#"{{"version":1,"suspended":[],"acknowledged":["{commit}","{digest}"],"rolledBack":["{commit}"]}}"#
        );
        fs::write(path(&home), text).expect("write");
        let read = Requests::read(&home).expect("read");
        assert_eq!(read.rewinds, [commit.clone()].into());
        assert_eq!(read.deletions, [OfSource::any(digest)].into());
        assert!(read.is_rolled_back("git:a", &commit) && read.is_rolled_back("git:b", &commit));
        // And what is written from it says the same.
        let written = Requests::change(&home, |_| {}).expect("written");
        assert_eq!((&written, &Requests::read(&home).expect("read")), (&read, &read));
    }
}
