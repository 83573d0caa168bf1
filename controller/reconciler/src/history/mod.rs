//! What the sources of a controller held: the last revisions of each, and going back to one.

mod pin;
mod store;

pub(crate) use pin::pinned;
pub use store::{File, History, Revision};
