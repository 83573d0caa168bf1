//! What is reported of each object.

mod conditions;
mod prints;
mod reason;
mod store;

pub(crate) use conditions::tried;
pub use conditions::{conditions, status};
pub use prints::Prints;
pub use reason::{phrase, word};
pub use store::StatusStore;
