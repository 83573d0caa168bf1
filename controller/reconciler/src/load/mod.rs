//! Snapshots to what is desired.

mod entries;
mod host;
mod layers;
mod loading;
mod look;

pub use loading::{LoadContext, Loaded, load};
