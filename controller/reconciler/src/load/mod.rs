//! Snapshots to what is desired.

mod entries;
mod host;
mod loading;

pub use loading::{LoadContext, Loaded, load};
