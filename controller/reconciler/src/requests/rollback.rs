//! Going back to an earlier revision.

use std::collections::BTreeMap;

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

    /// Puts a revision in force, and the one that its source is at aside for good: the one that is
    /// pinned, if it is kept; else `now`, which a controller acts on; else the newest of `all` that
    /// are kept.
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
            let now = requests.at(all, &to.source, now).map(str::to_owned);
            left = now.filter(|now| *now != to.revision);
            requests.released.remove(&to.source);
            requests.pinned.insert(to.source.clone(), to.revision.clone());
            requests.restore(all, to);
            let left = left.as_deref().map(|left| OfSource::new(&to.source, left));
            requests.rolled_back.extend(left);
        })?;
        Ok(Back { source: to.source.clone(), revision: to.revision.clone(), left })
    }

    /// What a source is at. What a controller acts on `now` is out of date where somebody went back
    /// since it last looked: another revision is pinned by now, or `now` is rolled back.
    fn at<'a>(
        &'a self,
        all: &'a [Revision],
        source: &str,
        now: Option<&'a str>,
    ) -> Option<&'a str> {
        let is_kept =
            |pin: &&String| all.iter().any(|one| one.source == source && one.revision == **pin);
        let pinned = self.pinned.get(source).filter(is_kept).map(String::as_str);
        let now = now.filter(|now| !self.is_rolled_back(source, now));
        pinned.or(now).or_else(|| self.current(all, source))
    }

    /// What a source is at, as far as the files tell.
    fn current<'a>(&'a self, all: &'a [Revision], source: &str) -> Option<&'a str> {
        let good =
            |one: &&Revision| one.source == source && !self.is_rolled_back(source, &one.revision);
        let newest = || all.iter().rev().find(good).map(|one| &*one.revision);
        self.chosen(source).or_else(newest)
    }

    /// The revision of a source that somebody went back to, if that counts still where the source
    /// holds one that was rolled back.
    pub(crate) fn chosen(&self, source: &str) -> Option<&str> {
        let chosen = self.pinned.get(source).or_else(|| self.released.get(source));
        chosen.map(String::as_str)
    }

    /// Has these sources not be at what they were released from any more: they hold another good
    /// revision.
    ///
    /// # Errors
    /// As [`Self::change_now`].
    pub(crate) fn go_on(
        home: &Home,
        sources: &BTreeMap<String, String>,
    ) -> Result<(), RequestsError> {
        let stays = |source: &String, revision: &mut String| sources.get(source) != Some(revision);
        Self::change_now(home, |requests| requests.released.retain(stays)).map(|_| ())
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

    /// Lets all sources be followed again; those that were not. What each is pinned to counts until
    /// its source holds a revision that was not rolled back.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub fn release(home: &Home) -> Result<Vec<String>, RequestsError> {
        let mut released = Vec::new();
        Self::change(home, |requests| {
            let pinned = std::mem::take(&mut requests.pinned);
            released = pinned.keys().cloned().collect();
            requests.released.extend(pinned);
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
        Revision { source, revision, at, files: Vec::new(), skipped: Vec::new() }
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

    #[test]
    fn who_goes_back_twice_before_the_controller_looks_leaves_both() {
        let dir = tempfile::tempdir().expect("dir");
        let home = Home::new(dir.path());
        let all = ["A", "B", "C"].map(|name| revision("git:a", name, 1));
        let back = |to, now| Requests::roll_back(&home, &all, to, now).expect("written").left;
        assert_eq!(back(&all[1], Some("C")).as_deref(), Some("C"));
        // The controller still acts on C.
        assert_eq!(back(&all[0], Some("C")).as_deref(), Some("B"));
        let read = Requests::read(&home).expect("read");
        let bad = ["B", "C"].map(|name| OfSource::new("git:a", name));
        assert_eq!(read.rolled_back, bad.into());
        // The same where the source was released in between.
        Requests::release(&home).expect("written");
        assert_eq!(back(&all[1], Some("C")).as_deref(), Some("A"));
        Requests::release(&home).expect("written");
        assert_eq!(back(&all[2], Some("A")).as_deref(), Some("B"));
        // A source that has gone on is at what the controller acts on.
        Requests::release(&home).expect("written");
        let next = [all.to_vec(), vec![revision("git:a", "D", 2)]].concat();
        let back = Requests::roll_back(&home, &next, &all[0], Some("D")).expect("written");
        assert_eq!(back.left.as_deref(), Some("D"));
    }

    #[test]
    fn what_is_pinned_and_kept_no_more_is_not_what_is_in_force() {
        let dir = tempfile::tempdir().expect("dir");
        let home = Home::new(dir.path());
        let all = ["A", "B", "C"].map(|name| revision("git:a", name, 1));
        Requests::roll_back(&home, &all, &all[0], Some("C")).expect("written");
        let back = Requests::roll_back(&home, &all[1..], &all[1], Some("D")).expect("written");
        assert_eq!(back.left.as_deref(), Some("D"));
    }

    #[test]
    fn what_was_released_from_is_what_is_left_until_the_source_goes_on() {
        let dir = tempfile::tempdir().expect("dir");
        let home = Home::new(dir.path());
        let all = [1, 2, 3].map(|number| revision("git:a", &number.to_string(), number));
        Requests::roll_back(&home, &all, &all[0], None).expect("written");
        assert_eq!(Requests::release(&home).expect("written"), ["git:a"]);
        assert_eq!(Requests::release(&home).expect("written"), [""; 0], "it is already");
        let requests = Requests::read(&home).expect("read");
        assert_eq!(requests.current(&all, "git:a"), Some("1"), "nobody chose 2");
        // Somebody went back to another one meanwhile.
        Requests::go_on(&home, &[("git:a".to_owned(), "2".to_owned())].into()).expect("written");
        assert_eq!(Requests::read(&home).expect("read"), requests);
        Requests::go_on(&home, &requests.released).expect("written");
        let requests = Requests::read(&home).expect("read");
        assert_eq!(requests.current(&all, "git:a"), Some("2"));
        // Where it is pinned again, what it was released from before says nothing.
        Requests::roll_back(&home, &all, &all[0], None).expect("written");
        Requests::release(&home).expect("written");
        let back = Requests::roll_back(&home, &all, &all[1], None).expect("written");
        assert_eq!(back.left.as_deref(), Some("1"));
        assert!(Requests::read(&home).expect("read").released.is_empty());
    }
}
