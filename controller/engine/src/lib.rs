//! The seam between the executor and whatever makes instances exist.
//!
//! An [`Engine`] observes and performs [`limekiln_model::Action`]s. Three promises hold for every
//! engine, and the [`conformance`] suite checks them: actions are idempotent, an action whose
//! precondition does not hold is refused with [`ErrorClass::Precondition`] and changes nothing,
//! and what was performed is what is observed afterwards.

pub mod conformance;
mod context;
mod engine;
mod error;

pub use context::ActionContext;
pub use engine::Engine;
pub use error::{EngineError, ErrorClass};
