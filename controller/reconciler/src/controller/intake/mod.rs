//! Where a controller's manifests come from.

mod answers;
mod beside;
mod configured;
mod files;
mod foresight;
mod in_force;
mod loads;
mod parts;
mod paths;
mod read_at;
mod repository;
mod trusted;
mod unread;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use limekiln_api::template::Fetch;
use limekiln_model::fingerprint;
use limekiln_sources::lock::{Checked, Lock};
use limekiln_sources::{Skipped, Snapshot};

use super::Handle;
use crate::load::LoadCache;
use crate::policy::{Existing, Policies};
use crate::{Loaded, ReconcileError, Reconciler, Templates};

pub use configured::{Configured, ConfiguredError};
pub use files::Files;
pub use foresight::Foresight;
use in_force::InForce;

/// Reads all sources of a controller.
#[async_trait]
pub trait Intake: Send + Sync {
    /// Reads what the sources hold now. What cannot be read is told, and what it held before
    /// stays in force. What takes long goes on beside, and wakes the controller when it is done.
    async fn take(&mut self, reconciler: &Arc<Reconciler>, controller: &Handle) -> Taken;

    /// Keeps what was read for a rollback. Called when what follows from it has begun, because it
    /// takes longer than everything before.
    async fn keep(&mut self, _reconciler: &Arc<Reconciler>) {}

    /// How often it was looked at sources that are read one by one; `None` if all are read as one.
    fn look(&self) -> Option<u64> {
        None
    }

    /// Why what is gone since a look may be in one of the sources all the same.
    fn may_have(&self, _since: u64) -> Option<String> {
        None
    }

    /// Has those sources read once more that were not since a look. Whether another look has to do
    /// so.
    fn ask_since(&mut self, _look: u64) -> bool {
        false
    }

    /// What tells what they will most likely hold in a moment, if there is anything that can.
    fn foresight(&self) -> Option<Foresight> {
        None
    }
}

/// What the sources hold.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// The manifests of all, if anything about them is new.
    pub loaded: Option<Box<Loaded>>,
    /// What could not be read, and why.
    pub errors: Vec<String>,
    /// Sources of which nothing is known yet: the first answer of a slow remote is still to come.
    pub unread: Vec<String>,
}

impl Taken {
    fn failed(error: &ReconcileError) -> Self {
        Self { errors: vec![error.told()], ..Self::default() }
    }
}

/// That something takes long.
fn still(done: &str, since: Timestamp) -> String {
    format!("it is still being {done} since {since}, what was known before holds")
}

/// Shows what was read.
type Tell = Box<dyn Fn(&Loaded) + Send + Sync>;

/// Loads snapshots, and holds them against a lock if there is one.
fn load(
    reconciler: &Reconciler,
    snapshots: &[Snapshot],
    fetch: &dyn Fetch,
    lock: Option<&Lock>,
    under: (&Policies, &Existing),
    cache: &LoadCache,
) -> Result<Loaded, ReconcileError> {
    let Some(lock) = lock else {
        let templates = Templates { fetch, lock: None };
        return reconciler.load_again(snapshots, templates, under, cache);
    };
    let templates = Templates { fetch: &Checked::new(fetch, lock), lock: Some(lock) };
    reconciler.load_again(snapshots, templates, under, cache)
}

/// What was read and is not kept yet.
#[derive(Default)]
struct Unkept {
    kept: Vec<(String, String)>,
    now: Vec<Snapshot>,
}

impl Unkept {
    /// These were read.
    fn read(&mut self, snapshots: &[Snapshot]) {
        let read: Vec<_> = snapshots.iter().map(identity_of).collect();
        if self.kept != read {
            self.now = snapshots.to_vec();
        }
    }

    async fn keep(&mut self, reconciler: &Reconciler) {
        if self.now.is_empty() {
            return;
        }
        // What is pinned must not make room for it, and cannot be known: it is kept when it can.
        let Ok(requests) = reconciler.requests() else { return };
        let (history, now) = (reconciler.history(), std::mem::take(&mut self.now));
        let note = move |snapshot: &Snapshot| {
            let noted = history.note(snapshot, requests.chosen(&snapshot.source));
            if let Err(error) = &noted {
                tracing::warn!("the revision cannot be kept for a rollback: {error}");
            }
            noted.is_ok()
        };
        let read: Vec<_> = now.iter().map(identity_of).collect();
        if blocking(move || now.iter().all(note)).await {
            self.kept = read;
        }
    }
}

/// Which revision of which source, and without what: that says which objects are frozen.
fn identity_of(snapshot: &Snapshot) -> (String, String) {
    let Snapshot { source, revision, skipped, .. } = snapshot;
    if skipped.is_empty() {
        return (source.clone(), revision.clone());
    }
    let place = |one: &Skipped| (one.origin.as_os_str().as_encoded_bytes().to_vec(), one.kind);
    let without = fingerprint(&skipped.iter().map(place).collect::<Vec<_>>()).0;
    (source.clone(), format!("{revision} without {without}"))
}

/// Away from the runtime's thread; in the simulation on it, since who is done first there must not
/// depend on the machine.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    #[cfg(feature = "faults")]
    if crate::faults::is_simulation() {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::path::PathBuf;

    use limekiln_api::HostFacts;
    use limekiln_engine_sim::SimEngine;
    use limekiln_sources::SkippedKind;

    use super::*;
    use crate::{Home, Requests};

    /// It is loaded anew then, and is the same revision all the same.
    #[test]
    fn with_a_link_that_comes_or_goes_it_is_another_one() {
        let (source, revision) = ("/m".to_owned(), "1".to_owned());
        let before = Snapshot { source, revision, files: Vec::new(), skipped: Vec::new() };
        let with = |name: &[u8]| {
            let origin = PathBuf::from(OsStr::from_bytes(name));
            let one = Skipped { path: "shown".into(), origin, kind: SkippedKind::Link };
            identity_of(&Snapshot { skipped: vec![one], ..before.clone() })
        };
        let all = [identity_of(&before), with(b"/m/a"), with(b"/m/b"), with(b"/m/\xff")];
        assert_eq!(BTreeSet::from(all).len(), 4);
        assert_eq!(with(b"/m/a"), with(b"/m/a"));
    }

    #[tokio::test]
    async fn without_knowing_what_is_pinned_nothing_is_kept_and_nothing_forgotten() {
        let dir = tempfile::tempdir().expect("dir");
        let facts = HostFacts { lima_home: dir.path().to_owned(), ..HostFacts::example() };
        let home = Home::new(&facts.lima_home);
        let reconciler = Reconciler::new(Arc::new(SimEngine::new(1)), home.clone(), facts);
        let mut unkept = Unkept::default();
        let mut read = async |revision: &str| {
            let (source, revision) = ("git:a".to_owned(), revision.to_owned());
            let (files, skipped) = (Vec::new(), Vec::new());
            unkept.read(&[Snapshot { source, revision, files, skipped }]);
            unkept.keep(&reconciler).await;
            let all = reconciler.history().read().expect("readable");
            all.into_iter().map(|one| one.revision).collect::<Vec<_>>()
        };
        let mut kept = Vec::new();
        for number in 1..=10 {
            kept = read(&number.to_string()).await;
        }
        assert_eq!((kept.len(), &*kept[0]), (10, "1"));
        Requests::change(&home, |requests| {
            requests.pinned.insert("git:a".to_owned(), "1".to_owned());
        })
        .expect("written");
        let file = home.dir().join("requests.json");
        let whole = fs::read(&file).expect("there");
        fs::write(&file, &whole[..whole.len() / 2]).expect("writable");
        assert_eq!(read("11").await, kept);
        fs::write(&file, whole).expect("writable");
        let kept = read("11").await;
        assert!(kept.contains(&"1".to_owned()) && kept.contains(&"11".to_owned()), "{kept:?}");
    }
}
