//! What counts of each source.

use std::collections::BTreeMap;

use limekiln_sources::Snapshot;

use crate::history::pinned;
use crate::{ReconcileError, Reconciler};

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
        let mut errors = Vec::new();
        snapshots.retain_mut(|snapshot| {
            let last = self.0.get(&snapshot.source);
            match pinned(snapshot, &requests, &history, last) {
                Ok(None) => {}
                Ok(Some(pinned)) => *snapshot = pinned,
                Err(why) => {
                    errors.push(ReconcileError::History(why).told());
                    // Without one, what came from it stays as it is.
                    let Some(last) = last else { return false };
                    *snapshot = last.clone();
                }
            }
            if last.is_none_or(|last| last.revision != snapshot.revision) {
                self.0.insert(snapshot.source.clone(), snapshot.clone());
            }
            true
        });
        Ok(errors)
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
    use crate::{Home, Requests};

    fn snapshot(revision: &str) -> Snapshot {
        let (path, bytes) = ("web.yaml".into(), format!("message: {revision}\n").into_bytes());
        let file = SourceFile { path, origin: "web.yaml".into(), bytes };
        let (source, revision) = ("git:team".to_owned(), revision.to_owned());
        Snapshot { source, revision, files: vec![file.into()], skipped: Vec::new() }
    }

    #[test]
    fn the_files_of_a_revision_that_counts_are_read_once() {
        let dir = tempfile::tempdir().expect("dir");
        let home = Home::new(dir.path());
        home.prepare().expect("writable");
        let engine = Arc::new(SimEngine::new(1));
        let reconciler = Reconciler::new(engine, home.clone(), HostFacts::example());
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
}
