//! Runs a plan: in its order, within limits, with retries and safe points.
//!
//! It decides nothing. Which steps there are and what comes after what was settled when the plan
//! was made; here a step begins when everything it comes after is done, a failure ends what
//! depends on it and nothing else, and a cancelled run ends between actions or at an action's own
//! safe points.

mod executor;
mod gate;
mod limits;
mod result;
mod room;
mod run;

pub use executor::{EventSink, Executor};
pub use limits::{Limits, Longest, Retry};
pub use result::RunResult;
