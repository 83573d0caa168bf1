//! What the manifests will most likely say in a moment.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::Duration;

use limekiln_api::mutant::{Mutant, is_on};
use limekiln_api::template::{Fetch, FetchError, Fetched, Locator};
use limekiln_model::Desired;
use limekiln_sources::Snapshot;
use tokio::time::Instant;

use super::{identity_of, load};
use crate::load::LoadCache;
use crate::policy::{Existing, Policies};
use crate::{Loaded, Reconciler};

/// Gives what sources hold, before it is known whether all of it is whole.
type Glance = Arc<dyn Fn() -> Option<Vec<Snapshot>> + Send + Sync>;

/// Puts right what was loaded of snapshots.
type Finish = Arc<dyn Fn(&[Snapshot], &mut Loaded) + Send + Sync>;

/// Loads manifests before the time at which they count.
///
/// Nothing follows from it: what was foreseen is taken in the place of a load only when exactly the
/// same files were read in the end.
#[derive(Clone)]
pub struct Foresight {
    glance: Glance,
    finish: Finish,
    policies: Arc<Policies>,
    cache: Arc<LoadCache>,
    foreseen: Arc<Mutex<Option<Foreseen>>>,
    /// Held while something is foreseen, with when it was found to be in vain.
    work: Arc<Mutex<Option<Instant>>>,
}

/// What else is looked at for a load changes, too, so that nothing was foreseen for longer.
const FRESH: Duration = Duration::from_millis(250);

/// Where manifests build on what would have to be fetched, it is not tried again for so long.
const IN_VAIN: Duration = Duration::from_secs(60);

/// What comes of certain revisions.
struct Foreseen {
    begun: Instant,
    of: Vec<(String, String)>,
    loaded: Loaded,
}

/// What will most likely be desired, and the most objects of each source that a pass may delete.
pub(crate) type Prospect = (Desired, BTreeMap<String, usize>);

impl Foresight {
    pub(super) fn new(
        glance: impl Fn() -> Option<Vec<Snapshot>> + Send + Sync + 'static,
        policies: Arc<Policies>,
        cache: Arc<LoadCache>,
    ) -> Self {
        let (glance, finish) = (Arc::new(glance), Arc::new(|_: &[Snapshot], _: &mut Loaded| ()));
        let (foreseen, work) = (Arc::default(), Arc::default());
        Self { glance, finish, policies, cache, foreseen, work }
    }

    /// The same for one who does something more with what is loaded.
    pub(super) fn finishing(
        self,
        finish: impl Fn(&[Snapshot], &mut Loaded) + Send + Sync + 'static,
    ) -> Self {
        Self { finish: Arc::new(finish), ..self }
    }

    /// Looks and loads. `None` if anything is wrong, or builds on something that would have to be
    /// fetched: a name may be half written; or if somebody else is at it. Blocks.
    pub(crate) fn foresee(&self, reconciler: &Reconciler) -> Option<Prospect> {
        let mut in_vain = match self.work.try_lock() {
            Ok(work) => work,
            Err(TryLockError::Poisoned(work)) => work.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        if in_vain.is_some_and(|since| since.elapsed() < IN_VAIN) {
            return None;
        }
        let begun = Instant::now();
        let snapshots = (self.glance)()?;
        // Who loads what counts waits for this.
        let mut foreseen = self.foreseen.lock().unwrap_or_else(PoisonError::into_inner);
        *foreseen = None;
        let nothing = Nothing::default();
        // What is allowed so much of in all is not taken up from here.
        let under = (&*self.policies, &Existing::default());
        let loaded = load(reconciler, &snapshots, &nothing, None, under, &self.cache);
        *in_vain = nothing.0.load(Ordering::Relaxed).then_some(begun);
        let mut loaded = loaded.ok().filter(|loaded| !loaded.has_errors())?;
        if !loaded.desired.frozen.is_empty() {
            return None;
        }
        (self.finish)(&snapshots, &mut loaded);
        let prospect = (loaded.desired.clone(), loaded.prune_budgets.clone());
        let of = snapshots.iter().map(identity_of).collect();
        *foreseen = Some(Foreseen { begun, of, loaded });
        Some(prospect)
    }

    /// What was foreseen, if it comes of these revisions.
    pub(super) fn take(&self, of: &[(String, String)]) -> Option<Loaded> {
        let foreseen = self.foreseen.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let holds = foreseen.of == of && foreseen.begun.elapsed() <= FRESH;
        (holds || is_on(Mutant::ActsOnForesight)).then_some(foreseen.loaded)
    }
}

/// Fetches nothing, and knows whether it was asked to.
#[derive(Default)]
struct Nothing(AtomicBool);

impl Fetch for Nothing {
    fn fetch(&self, _: &Locator) -> Result<Fetched, FetchError> {
        self.0.store(true, Ordering::Relaxed);
        Err(FetchError::new("it is not fetched before its time"))
    }
}

#[cfg(test)]
mod tests {
    use limekiln_api::HostFacts;
    use limekiln_engine_sim::SimEngine;
    use limekiln_sources::SourceFile;

    use super::*;
    use crate::Home;

    /// What is foreseen of one file that holds this, and what of that is taken for a revision.
    fn foreseen(text: &'static str, revision: &str) -> (bool, bool) {
        let dir = tempfile::tempdir().expect("dir");
        let home = Home::new(dir.path());
        home.prepare().expect("writable");
        let facts = HostFacts { lima_home: dir.path().to_owned(), ..HostFacts::example() };
        let reconciler = Reconciler::new(Arc::new(SimEngine::new(1)), home, facts);
        let glance = move || {
            let (path, origin) = ("web.yaml".into(), "/m/web.yaml".into());
            let file = SourceFile { path, origin, bytes: text.as_bytes().to_vec() };
            let (source, revision) = ("/m".to_owned(), "1".to_owned());
            Some(vec![Snapshot { source, revision, files: vec![file.into()], skipped: Vec::new() }])
        };
        let foresight = Foresight::new(glance, Arc::default(), Arc::default());
        let prospect = foresight.foresee(&reconciler);
        let of = [("/m".to_owned(), revision.to_owned())];
        (prospect.is_some(), foresight.take(&of).is_some())
    }

    const DISK: &str =
        "apiVersion: lima-vm.io/v1alpha1\nkind: Disk\nmetadata: {name: data}\nspec: {size: 1GiB}\n";
    const WRONG: &str = "apiVersion: lima-vm.io/v1alpha1\nkind: Disk\nmetadata: {name: data}\n";
    const BUILDS_ON: &str = "apiVersion: lima-vm.io/v1alpha1\nkind: Instance\nmetadata: {name: web}\nspec: {template: {base: https://example.com/half}}\n";

    #[test]
    fn what_was_foreseen_counts_for_the_same_files_alone() {
        assert_eq!(foreseen(DISK, "1"), (true, true));
        assert_eq!(foreseen(DISK, "2"), (true, false));
    }

    #[test]
    fn nothing_is_foreseen_of_what_is_wrong_or_would_have_to_be_fetched() {
        assert_eq!(foreseen(WRONG, "1"), (false, false));
        assert_eq!(foreseen(BUILDS_ON, "1"), (false, false));
    }
}
