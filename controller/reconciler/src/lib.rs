//! Reads manifests, looks, plans, runs, and keeps the books.
//!
//! [`Reconciler`] is all that a command needs: [`load`] turns sources into what is desired,
//! [`Reconciler::plan`] compares it with what exists, [`Reconciler::execute`] runs exactly the
//! plan that was shown, and [`Reconciler::settle`] goes on until nothing is left to do. Our own
//! state lives below `$LIMA_HOME/_limekiln`, in small files that are replaced as a whole.

mod atomic;
mod controller;
mod error;
mod expiry;
#[cfg(feature = "faults")]
pub mod faults;
mod history;
mod home;
mod journal;
mod ledger;
mod load;
mod occurrence;
mod outcome;
pub mod policy;
mod ports;
mod reconciler;
mod requests;
mod saved_plan;
mod status;

pub use controller::{
    Attempt, Clock, Configured, ConfiguredError, Controller, ControllerOptions, ControllerState,
    Files, Foresight, Handle, Intake, Looks, Order, OrderError, Taken, Ticket,
};
pub use error::ReconcileError;
pub use history::{File as RevisionFile, History, PlanRun, Revision, StepRun};
pub use home::{Home, HomeError, HomeLock};
pub use journal::{Journal, Record, RecordOutcome};
pub use ledger::{Claim, Claims, Ledger, LedgerError};
pub use load::{Judged, LoadContext, Loaded, Owners, Templates, check_template, is_on_host, load};
pub use occurrence::{Occurrence, occurrences};
pub use outcome::{End, OnEvent, Outcome, Pass, Planned, Run, Settled};
pub use reconciler::Reconciler;
pub use requests::{Back, OfSource, Requests, RequestsError};
pub use saved_plan::{SavedPlan, SavedPlanError};
pub use status::{
    Prints, StatusStore, conditions, phrase as reason_phrase, status, word as reason_word,
};

pub use limekiln_executor::{Limits, RunResult};
pub use limekiln_planner::RunVerb;
pub use limekiln_sources::{Input, ReadOptions, SourceError};
