//! Snapshots to what is desired.

mod entries;
mod foreign;
mod host;
mod layers;
mod loading;
mod look;
mod parallel;
mod permits;
mod real_path;
mod rules;
mod templates;

pub use loading::{LoadContext, Loaded, Owners, load};
pub use permits::Judged;
pub use rules::check_template;
pub use templates::Templates;
