//! Why a command ends early.

use limekiln_engine::EngineError;
use limekiln_model::ObjectId;
use limekiln_sources::SourceError;

use crate::{HomeError, LedgerError, RequestsError, SavedPlanError};

/// A pass that did not take place. Failures of single steps are in the result, not here.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The manifests cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Our directory cannot be used, or somebody else uses it.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// What people ask for beside the manifests cannot be read.
    #[error(transparent)]
    Requests(#[from] RequestsError),
    /// The revision that is in force cannot be had.
    #[error("it cannot be gone back: {0}")]
    History(String),
    /// The saved plan cannot be used.
    #[error(transparent)]
    Saved(#[from] SavedPlanError),
    /// A part of the program failed that others do not depend on.
    #[error("{0}")]
    Broken(String),
    /// The engine cannot look.
    #[error("cannot see what exists")]
    Observe(#[source] EngineError),
    /// The engine does not come back from looking.
    #[error("looking at what exists took longer than {0} s and was given up")]
    Hangs(u64),
    /// The engine shows something older than before.
    #[error("what was seen is out of date: generation {seen}, after {last}")]
    OutOfDate {
        /// The generation that was seen.
        seen: u64,
        /// The one before.
        last: u64,
    },
    /// The plan was made for another state than there is now.
    #[error("the plan is out of date: changed since it was made: {}", list(.0))]
    Moved(Vec<ObjectId>),
}

fn list(ids: &[ObjectId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl ReconcileError {
    /// The error and its causes on one line.
    pub fn chain(&self) -> String {
        chain(self)
    }

    /// The same, with what the user can do.
    pub(crate) fn told(&self) -> String {
        self.chain() + &self.hint().map(|hint| format!(" ({hint})")).unwrap_or_default()
    }

    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        let fixed = match self {
            Self::Requests(error) => return error.hint(),
            Self::Source(error) => error.hint(),
            Self::Home(error) => error.hint(),
            Self::Ledger(LedgerError::Newer { .. }) => Some("use the newer limekiln on this home"),
            Self::Ledger(LedgerError::Io { .. }) | Self::Hangs(_) | Self::OutOfDate { .. } => None,
            Self::Broken(_) => Some("its log has what happened; it is tried again"),
            Self::Ledger(LedgerError::Lost(error)) => error.hint(),
            Self::History(_) => Some("`limekiln rollback --release` ends what was asked for"),
            Self::Saved(error) => error.hint(),
            Self::Observe(error) => error.hint.as_deref(),
            Self::Moved(_) => Some("nothing was changed; plan again and look at the new plan"),
        };
        fixed.map(str::to_owned)
    }
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text += &format!(": {inner}");
        cause = inner.source();
    }
    text
}
