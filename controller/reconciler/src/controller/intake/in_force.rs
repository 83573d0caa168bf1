//! What counts of each source.

use std::collections::{BTreeMap, BTreeSet};

use limekiln_sources::Snapshot;
use tracing::warn;

use crate::history::{pinned, pinned_blindly};
use crate::{ReconcileError, Reconciler, Requests};

/// What last counted of each source: what was read, or what it is pinned to.
#[derive(Default)]
pub(super) struct InForce(BTreeMap<String, Snapshot>);

impl InForce {
    /// Puts what is in force in the place of what was read. Of a source of which that cannot be
    /// had what last counted does; returned is why.
    ///
    /// # Errors
    /// If what people ask for cannot be read.
    pub(super) fn put(
        &mut self,
        reconciler: &Reconciler,
        snapshots: &mut Vec<Snapshot>,
    ) -> Result<Vec<String>, ReconcileError> {
        let (requests, history) = (reconciler.requests()?, reconciler.history());
        let (mut errors, mut past) = (Vec::new(), BTreeMap::new());
        snapshots.retain_mut(|snapshot| {
            let last = self.0.get(&snapshot.source);
            match pinned(snapshot, &requests, &history, last) {
                Ok(None) => past.extend(requests.released.get_key_value(&snapshot.source)),
                Ok(Some(pinned)) => *snapshot = pinned,
                Err(why) => {
                    errors.push(ReconcileError::History(why).told());
                    // Without one, what came from it stays as it is.
                    let Some(last) = last else { return false };
                    *snapshot = last.clone();
                }
            }
            let is_same = |last: &Snapshot| {
                last.revision == snapshot.revision && last.skipped == snapshot.skipped
            };
            if !last.is_some_and(is_same) {
                self.0.insert(snapshot.source.clone(), snapshot.clone());
            }
            true
        });
        go_on(reconciler, past);
        Ok(errors)
    }

    /// Puts in force what `fallen` sources are pinned to, of which nothing that was read may count:
    /// a rollback does not ask their keys. These are fallen no more. Returned is why one cannot be.
    ///
    /// # Errors
    /// If what people ask for cannot be read.
    pub(super) fn put_pinned(
        &mut self,
        reconciler: &Reconciler,
        fallen: &mut BTreeSet<String>,
        snapshots: &mut Vec<Snapshot>,
    ) -> Result<Vec<String>, ReconcileError> {
        if fallen.is_empty() {
            return Ok(Vec::new());
        }
        let (requests, history) = (reconciler.requests()?, reconciler.history());
        let mut errors = Vec::new();
        fallen.retain(|source| {
            match pinned_blindly(source, &requests, &history, self.0.get(source)) {
                Ok(None) => return true,
                Ok(Some(pinned)) => {
                    self.0.insert(source.clone(), pinned.clone());
                    snapshots.push(pinned);
                }
                Err(why) => {
                    errors.push(ReconcileError::History(why).told());
                    return true;
                }
            }
            false
        });
        Ok(errors)
    }
}

/// These sources hold something else than what was rolled back. What cannot be written now is at
/// the next look.
fn go_on(reconciler: &Reconciler, past: BTreeMap<&String, &String>) {
    if past.is_empty() {
        return;
    }
    let owned = |(source, revision): (&String, &String)| (source.clone(), revision.clone());
    let past = past.into_iter().map(owned).collect();
    if let Err(error) = Requests::go_on(reconciler.home(), &past) {
        warn!("it cannot be noted that a source went on after its release: {error}");
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use limekiln_api::HostFacts;
    use limekiln_engine_sim::SimEngine;
    use limekiln_sources::SourceFile;

    use super::*;
    use crate::Home;

    fn snapshot(revision: &str) -> Snapshot {
        let (path, bytes) = ("web.yaml".into(), format!("message: {revision}\n").into_bytes());
        let file = SourceFile { path, origin: "web.yaml".into(), bytes };
        let (source, revision) = ("git:team".to_owned(), revision.to_owned());
        Snapshot { source, revision, files: vec![file.into()], skipped: Vec::new() }
    }

    fn home() -> (tempfile::TempDir, Home, Reconciler) {
        let dir = tempfile::tempdir().expect("dir");
        let home = Home::new(dir.path());
        home.prepare().expect("writable");
        let engine = Arc::new(SimEngine::new(1));
        let reconciler = Reconciler::new(engine, home.clone(), HostFacts::example());
        (dir, home, reconciler)
    }

    #[test]
    fn the_files_of_a_revision_that_counts_are_read_once() {
        let (_dir, home, reconciler) = home();
        for revision in ["1", "2"] {
            reconciler.history().note(&snapshot(revision), None).expect("written");
        }
        let all = reconciler.history().read().expect("readable");
        let mut in_force = InForce::default();
        let mut now = || {
            let mut read = vec![snapshot("2")];
            let errors = in_force.put(&reconciler, &mut read).expect("readable");
            (read, errors)
        };
        let kept = (vec![snapshot("1")], Vec::new());
        Requests::roll_back(&home, &all, &all[0], None).expect("written");
        assert_eq!(now(), kept, "pinned");
        for entry in fs::read_dir(home.dir().join("revisions")).expect("there") {
            fs::write(entry.expect("ours").path(), "{").expect("torn");
        }
        assert_eq!(now(), kept, "it was read again");
        Requests::release(&home).expect("written");
        assert_eq!(now(), kept, "the other one is not applied again");
    }

    #[test]
    fn a_source_that_holds_a_good_revision_went_on_from_what_it_was_released_from() {
        let (_dir, home, reconciler) = home();
        let mut in_force = InForce::default();
        let mut now = |revision: &str| {
            reconciler.history().note(&snapshot(revision), None).expect("written");
            let mut read = vec![snapshot(revision)];
            in_force.put(&reconciler, &mut read).expect("readable");
            read.remove(0).revision
        };
        ["1", "2", "3"].iter().for_each(|revision| drop(now(revision)));
        let all = reconciler.history().read().expect("readable");
        Requests::roll_back(&home, &all, &all[0], None).expect("written");
        Requests::release(&home).expect("written");
        assert_eq!(now("3"), "1");
        assert_eq!(now("2"), "2", "nobody went back from it");
        assert_eq!(now("3"), "2", "it was the last good one");
    }
}
