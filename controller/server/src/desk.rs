//! Answers to what is asked, with a controller or without one.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use limekiln_model::ObjectId;
use limekiln_proto::v1alpha1 as wire;
use limekiln_reconciler::{
    Back, Handle, History, Occurrence, ReconcileError, Reconciler, Requests, Revision, occurrences,
};

use crate::convert::{self, Filter};
use crate::view::{Known, View};

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
        let observed = self.reconciler.observe().await?;
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

    /// Allows what a revision or a commit would not by itself.
    ///
    /// # Errors
    /// If the home cannot be written.
    pub fn acknowledge(&self, revision: &str) -> Result<(), DeskError> {
        self.asked(Requests::acknowledge(self.reconciler.home(), revision))
    }

    /// Has sources asked at once that are asked now and then.
    ///
    /// # Errors
    /// If the home cannot be written.
    pub fn notify(&self) -> Result<(), DeskError> {
        self.asked(Requests::notify(self.reconciler.home()))
    }

    /// Revisions that begin with `word`, the newest last, and whether each is in force.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn revisions(&self, word: &str, files: bool) -> Result<Vec<wire::Revision>, DeskError> {
        let all = History::new(self.reconciler.home()).read()?;
        let requests = Requests::read(self.reconciler.home()).map_err(ReconcileError::from)?;
        let newest = |index: usize, one: &Revision| {
            !all[index + 1..].iter().any(|later| later.source == one.source)
        };
        let told = all.iter().enumerate().filter(|(_, one)| one.revision.starts_with(word));
        let told = told.map(|(index, one)| revision(one, newest(index, one), &requests, files));
        Ok(told.collect())
    }

    /// Puts the revision in force that `word` begins.
    ///
    /// # Errors
    /// If there is none or several, or the home cannot be written.
    pub fn roll_back(&self, word: &str) -> Result<Back, DeskError> {
        let home = self.reconciler.home();
        let all = History::new(home).read()?;
        let mut found = all.iter().filter(|one| !word.is_empty() && one.revision.starts_with(word));
        match (found.next(), found.next()) {
            (Some(one), None) => self.asked(Requests::roll_back(home, &all, one)),
            (Some(_), Some(_)) => {
                Err(DeskError::Revision(format!("several revisions begin with {word:?}")))
            }
            _ => Err(DeskError::Revision(format!("no revision begins with {word:?}"))),
        }
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
    };
    wire::Revision {
        source: one.source.clone(),
        revision: one.revision.clone(),
        time: Some(convert::timestamp(one.at)),
        file_count: u32::try_from(one.files.len()).unwrap_or(u32::MAX),
        files: if files { one.files.iter().map(file).collect() } else { Vec::new() },
        pinned: pin == Some(&one.revision),
        rolled_back: requests.rolled_back.contains(&one.revision),
        newest,
        source_pinned: pin.is_some(),
    }
}
