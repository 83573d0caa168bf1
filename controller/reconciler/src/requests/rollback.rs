//! Going back to an earlier revision.

use limekiln_api::mutant::{Mutant, is_on};

use super::{OfSource, Requests, RequestsError};
use crate::{Home, Revision};

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

impl Requests {
    /// Whether a revision of a source is never applied again.
    pub fn is_rolled_back(&self, source: &str, revision: &str) -> bool {
        let mut bad = self.rolled_back.iter().filter(|_| !is_on(Mutant::ForgetsRollbacks));
        bad.any(|one| one.is(source, revision))
    }

    /// Puts a revision in force, and the one that its source is at aside for good: `now`, if
    /// somebody knows it. Without a controller it is the one that is pinned, or the newest of
    /// `all` that are kept.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub fn roll_back(
        home: &Home,
        all: &[Revision],
        to: &Revision,
        now: Option<&str>,
    ) -> Result<Back, RequestsError> {
        let mut left = None;
        Self::change(home, |requests| {
            let now = now.or_else(|| requests.current(all, &to.source)).map(str::to_owned);
            left = now.filter(|now| *now != to.revision);
            requests.pinned.insert(to.source.clone(), to.revision.clone());
            requests.restore(all, to);
            let left = left.as_deref().map(|left| OfSource::new(&to.source, left));
            requests.rolled_back.extend(left);
        })?;
        Ok(Back { source: to.source.clone(), revision: to.revision.clone(), left })
    }

    /// What a source is at, as far as the files tell.
    fn current<'a>(&'a self, all: &'a [Revision], source: &str) -> Option<&'a str> {
        let good =
            |one: &&Revision| one.source == source && !self.is_rolled_back(source, &one.revision);
        let newest = || all.iter().rev().find(good).map(|one| &*one.revision);
        self.pinned.get(source).map(String::as_str).or_else(newest)
    }

    /// Lets a revision count again, of its source alone: what was rolled back of every source
    /// stays so of the others.
    fn restore(&mut self, all: &[Revision], to: &Revision) {
        if self.rolled_back.remove(&OfSource::any(&to.revision)) {
            let others =
                all.iter().filter(|one| one.revision == to.revision && one.source != to.source);
            self.rolled_back.extend(others.map(|one| OfSource::new(&one.source, &one.revision)));
        }
        self.rolled_back.remove(&OfSource::new(&to.source, &to.revision));
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(source: &str, revision: &str, second: i64) -> Revision {
        let at = jiff::Timestamp::from_second(second).expect("a time");
        let (source, revision) = (source.to_owned(), revision.to_owned());
        Revision { source, revision, at, files: Vec::new() }
    }

    #[test]
    fn what_is_rolled_back_of_one_source_counts_of_another() {
        let dir = tempfile::tempdir().expect("dir");
        let home = Home::new(dir.path());
        let all = ["git:a", "git:b"]
            .map(|source| [revision(source, "1", 1), revision(source, "2", 2)])
            .concat();
        let back = Requests::roll_back(&home, &all, &all[0], None).expect("written");
        assert_eq!(back.left.as_deref(), Some("2"));
        let read = Requests::read(&home).expect("read");
        assert!(read.is_rolled_back("git:a", "2") && !read.is_rolled_back("git:b", "2"));
    }

    #[test]
    fn what_was_rolled_back_of_every_source_comes_back_of_one_alone() {
        let dir = tempfile::tempdir().expect("dir");
        let home = Home::new(dir.path());
        let all = [revision("git:a", "1", 1), revision("git:b", "1", 1)];
        Requests::change(&home, |requests| {
            requests.rolled_back.insert(OfSource::any("1"));
        })
        .expect("written");
        Requests::roll_back(&home, &all, &all[0], None).expect("written");
        let read = Requests::read(&home).expect("read");
        assert!(!read.is_rolled_back("git:a", "1") && read.is_rolled_back("git:b", "1"));
    }

    #[test]
    fn what_is_left_is_what_is_in_force_and_not_what_was_read_last() {
        let dir = tempfile::tempdir().expect("dir");
        let home = Home::new(dir.path());
        // First A, then B, then A again: B was read last, and A is in force.
        let all = [revision("git:a", "A", 1), revision("git:a", "B", 2)];
        let back = Requests::roll_back(&home, &all, &all[1], Some("A")).expect("written");
        assert_eq!(back.left.as_deref(), Some("A"));
        // By hand what is pinned is in force.
        let back = Requests::roll_back(&home, &all, &all[0], None).expect("written");
        assert_eq!(back.left.as_deref(), Some("B"));
        let back = Requests::roll_back(&home, &all, &all[0], None).expect("written");
        assert_eq!(back.left, None, "it is there already");
        let read = Requests::read(&home).expect("read");
        assert_eq!(read.rolled_back, [OfSource::new("git:a", "B")].into());
    }
}
