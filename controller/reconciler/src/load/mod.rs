//! Snapshots to what is desired.

mod entries;
mod host;
mod load;

pub use load::{LoadContext, Loaded, load};
