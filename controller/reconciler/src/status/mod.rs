//! What is reported of each object.

mod conditions;
mod reason;
mod store;

pub use conditions::{conditions, status};
pub use store::StatusStore;
