//! What the sources of a controller held: the last revisions of each, the plans that were carried
//! out for them, and going back to one.

mod pin;
mod plan_run;
mod plan_runs;
mod store;

pub(crate) use pin::{pinned, pinned_blindly};
pub use plan_run::{PlanRun, StepRun};
pub(crate) use plan_runs::{Ended, Line, STEPS, in_a_line};
pub use store::{File, History, Revision};
