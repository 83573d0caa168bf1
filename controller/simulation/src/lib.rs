//! Deterministic simulation of the whole controller.
//!
//! A seed is a [`story::Story`]: manifests that people publish one after another, what they do
//! beside them, and what goes wrong meanwhile. [`play`] plays it with the real sources, planner,
//! executor and reconciler on the simulated engine, in one thread and on virtual time, so that
//! equal seeds give equal runs. Then the same story is played without its faults, and the
//! [`oracle`] compares: the end must be the same, nothing may be left over, nothing be deleted
//! that no revision asked to delete, and little more be done than was needed.

pub mod host;
pub mod oracle;
mod play;
pub mod story;

pub use play::{Ending, Verdict, check, play};
