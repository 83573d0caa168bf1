//! Snapshots to what is desired.

mod entries;
mod host;
mod loading;
mod templates;

pub use loading::{LoadContext, Loaded, load};
pub use templates::Templates;
