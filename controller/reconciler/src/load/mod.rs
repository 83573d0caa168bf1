//! Snapshots to what is desired.

mod cache;
mod claimants;
mod entries;
mod foreign;
mod host;
mod layers;
#[expect(clippy::module_inception, reason = "a folder of loading, and its one function")]
mod load;
mod loaded;
mod loading;
mod look;
mod parallel;
mod permits;
mod real_path;
pub(crate) mod remote;
mod rules;
mod templates;
#[cfg(test)]
mod tests;

pub(crate) use cache::LoadCache;
pub use host::is_on_host;
pub use load::load;
pub use loaded::{LoadContext, Loaded, Owners, Refusals};
pub use permits::Judged;
pub use rules::check_template;
pub use templates::Templates;
