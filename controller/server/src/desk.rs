//! Answers to what is asked, with a controller or without one.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use limekiln_model::ObjectId;
use limekiln_proto::v1alpha1 as wire;
use limekiln_reconciler::{
    Back, Handle, Occurrence, OfSource, ReconcileError, Reconciler, Requests, Revision, occurrences,
};

use crate::convert::{self, Filter};
use crate::view::{Known, View};

/// A look that takes longer is given up, as a controller does.
pub(crate) const LONGEST_LOOK: Duration = Duration::from_secs(60);

/// Looks, and writes down what people ask for. With a controller it also tells what that makes of
/// things, and wakes it.
#[derive(Clone)]
pub struct Desk {
    pub(crate) reconciler: Arc<Reconciler>,
    pub(crate) controller: Option<Handle>,
}

/// A question that cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The home cannot be looked at or written.
    #[error(transparent)]
    Home(#[from] ReconcileError),
    /// A file of the home cannot be read.
    #[error("cannot read what was noted")]
    Io(#[from] io::Error),
    /// What was named is not there, or means several things.
    #[error("{0}")]
    Revision(String),
}

impl Desk {
    /// Answers for a home on which no controller works, or none that can be asked.
    pub fn alone(reconciler: Arc<Reconciler>) -> Self {
        Self { reconciler, controller: None }
    }

    /// Answers for a controller.
    pub fn of(reconciler: Arc<Reconciler>, controller: Handle) -> Self {
        Self { reconciler, controller: Some(controller) }
    }

    /// Looks at everything.
    pub(crate) async fn view(&self) -> Result<View, ReconcileError> {
        let observed = self.reconciler.observe_within(LONGEST_LOOK).await?;
        let known = self.controller.as_ref().and_then(|handle| Known::of(&handle.state().borrow()));
        let compared = known.as_ref().map(|known| (&*known.planned, &known.attempts));
        let statuses = self.reconciler.statuses(&observed, compared)?;
        Ok(View { observed, statuses, known })
    }

    /// The objects that are meant, by kind and name, as they are now.
    ///
    /// # Errors
    /// If the home cannot be read.
    pub async fn objects(
        &self,
        filter: &Filter,
        include_spec: bool,
    ) -> Result<BTreeMap<ObjectId, wire::Object>, DeskError> {
        let view = self.view().await?;
        let ids = view.ids().into_iter().filter(|id| filter.includes(id));
        Ok(ids.map(|id| (id.clone(), convert::object(&view, &id, include_spec))).collect())
    }

    /// What was done, the newest last.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn events(&self) -> Result<Vec<Occurrence>, DeskError> {
        Ok(occurrences(self.reconciler.journal().read()?))
    }

    /// Leaves objects alone; of each, whether it was not before.
    ///
    /// # Errors
    /// If the home cannot be written.
    pub fn suspend(&self, ids: &[ObjectId]) -> Result<Vec<bool>, DeskError> {
        self.asked(Requests::suspend(self.reconciler.home(), ids))
    }

    /// Ends that; of each, whether it was suspended.
    ///
    /// # Errors
    /// If the home cannot be written.
    pub fn resume(&self, ids: &[ObjectId]) -> Result<Vec<bool>, DeskError> {
        self.asked(Requests::resume(self.reconciler.home(), ids))
    }

    /// Lets a branch lead to a commit that does not descend from the last one.
    ///
    /// # Errors
    /// If the home cannot be written.
    pub fn follow(&self, commit: OfSource) -> Result<(), DeskError> {
        self.asked(Requests::follow(self.reconciler.home(), commit))
    }

    /// Lets a revision delete more than the budget of a prune.
    ///
    /// # Errors
    /// If the home cannot be written.
    pub fn let_go(&self, revision: OfSource) -> Result<(), DeskError> {
        self.asked(Requests::let_go(self.reconciler.home(), [revision]))
    }

    /// Has sources asked at once that are asked now and then.
    ///
    /// # Errors
    /// If the home cannot be written.
    pub fn notify(&self) -> Result<(), DeskError> {
        self.asked(Requests::notify(self.reconciler.home()))
    }

    /// Revisions that are asked for, the newest last, and whether each is in force.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn revisions(
        &self,
        request: &wire::ListRevisionsRequest,
    ) -> Result<Vec<wire::Revision>, DeskError> {
        let history = self.reconciler.history();
        let all = history.read()?;
        let requests = Requests::read(self.reconciler.home()).map_err(ReconcileError::from)?;
        let newest = |index: usize, one: &Revision| {
            !all[index + 1..].iter().any(|later| later.source == one.source)
        };
        let since = self.controller.as_ref().and_then(|handle| handle.state().borrow().since);
        let mut told = Vec::new();
        for (index, one) in all.iter().enumerate() {
            if !one.revision.starts_with(&request.revision) {
                continue;
            }
            let mut revision = revision(one, newest(index, one), &requests, request.include_files);
            if request.include_plans {
                let plans = history.plans(&one.source, &one.revision)?;
                revision.plans = plans.iter().map(|run| convert::plan_run(run, since)).collect();
            }
            told.push(revision);
        }
        Ok(told)
    }

    /// Puts the revision in force that `word` begins, of this source if one is named.
    ///
    /// # Errors
    /// If there is none or several, or the home cannot be written.
    pub fn roll_back(&self, word: &str, source: Option<&str>) -> Result<Back, DeskError> {
        let home = self.reconciler.home();
        let all = self.reconciler.history().read()?;
        let to = sole(&all, word, source).map_err(DeskError::Revision)?;
        let now = self.in_force(&to.source);
        self.asked(Requests::roll_back(home, &all, to, now.as_deref()))
    }

    /// The revision of a source that the controller acts on.
    fn in_force(&self, source: &str) -> Option<String> {
        let state = self.controller.as_ref()?.state();
        let planned = state.borrow().planned.clone()?;
        planned.desired.revisions.get(source).cloned()
    }

    /// Lets all sources be followed again; those that were not.
    ///
    /// # Errors
    /// If the home cannot be written.
    pub fn release(&self) -> Result<Vec<String>, DeskError> {
        self.asked(Requests::release(self.reconciler.home()))
    }

    /// The controller minds it at once.
    fn asked<T>(
        &self,
        done: Result<T, limekiln_reconciler::RequestsError>,
    ) -> Result<T, DeskError> {
        let done = done.map_err(ReconcileError::from)?;
        self.controller.iter().for_each(Handle::wake);
        Ok(done)
    }
}

fn revision(one: &Revision, newest: bool, requests: &Requests, files: bool) -> wire::Revision {
    let pin = requests.pinned.get(&one.source);
    let file = |file: &limekiln_reconciler::RevisionFile| wire::File {
        origin: file.origin.display().to_string(),
        text: file.text.clone(),
        not_text: !file.is_text(),
    };
    wire::Revision {
        source: one.source.clone(),
        revision: one.revision.clone(),
        time: Some(convert::timestamp(one.at)),
        file_count: u32::try_from(one.files.len()).unwrap_or(u32::MAX),
        files: if files { one.files.iter().map(file).collect() } else { Vec::new() },
        pinned: pin == Some(&one.revision),
        rolled_back: requests.is_rolled_back(&one.source, &one.revision),
        newest,
        source_pinned: pin.is_some(),
        plans: Vec::new(),
    }
}

/// The one revision that is meant, or why none is.
fn sole<'a>(all: &'a [Revision], word: &str, source: Option<&str>) -> Result<&'a Revision, String> {
    let meant = |one: &&Revision| {
        !word.is_empty()
            && one.revision.starts_with(word)
            && source.is_none_or(|source| source == one.source)
    };
    let found: Vec<_> = all.iter().filter(meant).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(format!("no revision begins with {word:?}")),
        [first, others @ ..] if others.iter().all(|one| one.revision == first.revision) => {
            let sources: Vec<_> = found.iter().map(|one| &*one.source).collect();
            Err(format!(
                "several sources have revision {}; name one with --source: {}",
                first.revision,
                sources.join(", ")
            ))
        }
        _ => Err(format!("several revisions begin with {word:?}")),
    }
}
