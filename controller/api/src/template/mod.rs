//! Templates that build on others: locators, what they lead to, and putting it all into one.
//!
//! Pure: texts are handed over by a [`Fetch`]. Composition works on trees whose every node knows
//! the text that it comes from, so that an error in a base template is shown where it is written.
//!
//! The order is Lima's. A template takes from its bases, in their order and depth first, what it
//! does not set itself; lists are joined. When all are in, entries of `additionalDisks`, `mounts`
//! and `networks` that mean one thing become one.

mod absolute;
mod combine;
mod embed;
mod fetch;
mod github;
mod image;
mod locator;
mod merge;
mod name;
mod pinned;
mod scripts;

pub(crate) use absolute::{edits, rewrite};
pub(crate) use embed::Composed;
pub use embed::Embedding;
pub use fetch::{Fetch, FetchError, Fetched, MAX_TEMPLATE};
pub use github::GithubLocator;
pub use image::image_template;
pub use locator::{Locator, LocatorError};
pub use name::instance_name;
