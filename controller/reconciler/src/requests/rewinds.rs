//! Where branches may lead that does not descend from their last commit.

use super::{OfSource, Requests, RequestsError};
use crate::Home;

impl Requests {
    /// Lets a branch lead to a commit that does not descend from the last one, once; no more than
    /// that. Its digits may be large.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub fn follow(home: &Home, commit: OfSource) -> Result<(), RequestsError> {
        let OfSource { source, revision } = commit;
        let commit = OfSource { source, revision: revision.to_ascii_lowercase() };
        Self::change(home, |requests| {
            requests.rewinds.insert(commit);
        })
        .map(|_| ())
    }

    /// Whether a source may be rewound to this commit.
    pub(crate) fn may_rewind(&self, source: &str, commit: &str) -> bool {
        self.rewinds.iter().any(|one| one.is(source, commit))
    }

    /// Ends what let sources be rewound to the commits that they are at now: who goes on from there
    /// and back again asks again.
    ///
    /// # Errors
    /// As [`Self::change_now`].
    pub(crate) fn arrive(&self, home: &Home, at: &[OfSource]) -> Result<(), RequestsError> {
        let is_there = |one: &OfSource| {
            let is_it =
                |now: &OfSource| now.source.as_ref().is_some_and(|of| one.is(of, &now.revision));
            at.iter().any(is_it)
        };
        if !self.rewinds.iter().any(is_there) {
            return Ok(());
        }
        Self::change_now(home, |requests| requests.rewinds.retain(|one| !is_there(one))).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lets_a_source_be_rewound_is_its_own_and_ends_when_it_is_there() {
        let dir = tempfile::tempdir().expect("dir");
        let home = Home::new(dir.path());
        let follow = |commit| Requests::follow(&home, commit).expect("written");
        follow(OfSource::new("git:a", "A1"));
        follow(OfSource::any("b2"));
        let now = || Requests::read(&home).expect("read");
        assert!(now().may_rewind("git:a", "a1") && !now().may_rewind("git:b", "a1"));
        assert!(now().may_rewind("git:a", "b2") && now().may_rewind("git:b", "b2"));
        let arrive = |source, commit| {
            now().arrive(&home, &[OfSource::new(source, commit)]).expect("written");
        };
        arrive("git:b", "a1");
        arrive("git:a", "before");
        assert_eq!(now().rewinds.len(), 2, "they are not there");
        arrive("git:a", "a1");
        assert!(!now().may_rewind("git:a", "a1") && now().may_rewind("git:a", "b2"));
        arrive("git:b", "b2");
        assert!(now().rewinds.is_empty());
    }
}
