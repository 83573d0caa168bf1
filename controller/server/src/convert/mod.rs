//! Between the words of the controller and those of the wire.

mod event;
mod object;
mod plan;
mod reference;
mod revision;
mod run;
mod status;
mod time;

pub use event::{event, record_outcome, to_occurrence};
pub(crate) use object::object;
pub use plan::plan;
pub(crate) use plan::wait;
pub use reference::{Filter, object_id, object_ids, object_ref};
pub(crate) use revision::plan_run;
pub use run::{finished, run_result, step_event, to_event};
pub use status::to_status;
pub use time::{duration, timestamp, to_duration, to_timestamp};
