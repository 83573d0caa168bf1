//! Which revision of a source is in force.

use limekiln_api::mutant::{Mutant, is_on};
use limekiln_sources::Snapshot;

use super::History;
use crate::Requests;

/// The snapshot that counts in place of the one that was read: the one that its source is pinned
/// to or, if this one was rolled back, the one that the source was released from, or the last good
/// one. `None` if it counts itself.
///
/// Of the revision that counted `last` the files are known, and not read again.
///
/// # Errors
/// The revision that would count and is not kept any more.
pub(crate) fn pinned(
    snapshot: &Snapshot,
    requests: &Requests,
    history: &History,
    last: Option<&Snapshot>,
) -> Result<Option<Snapshot>, String> {
    let source = &snapshot.source;
    let kept = |wanted: &str| kept(source, wanted, history, last);
    if let Some(pin) = pin_of(source, requests) {
        return if *pin == snapshot.revision {
            Ok(None)
        } else {
            at(source, pin, kept(pin)).map(Some)
        };
    }
    if !requests.is_rolled_back(source, &snapshot.revision) {
        return Ok(None);
    }
    let all = history.revisions_of(source).map_err(|error| error.to_string())?;
    let good = all.iter().rev().filter(|one| !requests.is_rolled_back(source, one));
    // What nobody chose must not come into force by a release.
    let chosen = requests.released.get(source);
    let chosen = chosen.filter(|one| !requests.is_rolled_back(source, one));
    let good = chosen.into_iter().chain(good).map(String::as_str).find_map(kept).map(Some);
    good.ok_or_else(|| format!("no good revision of {source} is kept"))
}

/// The snapshot that a source is pinned to, if it is, whatever it holds itself.
///
/// # Errors
/// The revision is not kept any more.
pub(crate) fn pinned_blindly(
    source: &str,
    requests: &Requests,
    history: &History,
    last: Option<&Snapshot>,
) -> Result<Option<Snapshot>, String> {
    let pin = pin_of(source, requests);
    pin.map(|pin| at(source, pin, kept(source, pin, history, last))).transpose()
}

fn pin_of<'r>(source: &str, requests: &'r Requests) -> Option<&'r str> {
    let pin = requests.pinned.get(source).filter(|_| !is_on(Mutant::IgnoresPins));
    pin.map(String::as_str)
}

fn kept(
    source: &str,
    wanted: &str,
    history: &History,
    last: Option<&Snapshot>,
) -> Option<Snapshot> {
    match last.filter(|last| last.revision == wanted) {
        Some(last) => Some(last.clone()),
        None => history.get(source, wanted).map(super::Revision::snapshot),
    }
}

fn at(source: &str, pin: &str, kept: Option<Snapshot>) -> Result<Snapshot, String> {
    kept.ok_or_else(|| format!("revision {pin} of {source} is not kept any more"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Home;

    fn snapshot(revision: &str) -> Snapshot {
        let (source, revision) = ("git:team".to_owned(), revision.to_owned());
        Snapshot { source, revision, files: Vec::new(), skipped: Vec::new() }
    }

    /// The revision in force after these were read one after the other, somebody went back to `to`,
    /// and released it.
    fn released(read: &[&str], to: &str) -> Option<String> {
        let dir = tempfile::tempdir().expect("dir");
        let home = Home::new(dir.path());
        let history = History::new(&home);
        for revision in read {
            history.note(&snapshot(revision), None).expect("written");
        }
        let all = history.read().expect("readable");
        let to = all.iter().find(|one| one.revision == to).expect("kept");
        Requests::roll_back(&home, &all, to, None).expect("written");
        Requests::release(&home).expect("written");
        let (requests, last) = (Requests::read(&home).expect("read"), read.last().expect("one"));
        let now = pinned(&snapshot(last), &requests, &history, None).expect("kept");
        now.map(|now| now.revision)
    }

    #[test]
    fn what_was_released_stays_in_force_and_not_what_nobody_chose() {
        assert_eq!(released(&["1", "2", "3"], "1").as_deref(), Some("1"));
        assert_eq!(released(&["A", "B", "A", "C"], "A").as_deref(), Some("A"));
    }
}
