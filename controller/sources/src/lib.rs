//! Where manifests come from: files, directories and standard input, read as snapshots.
//!
//! A snapshot is whole or it is an error. A root that is missing or unreadable is never an empty
//! snapshot, and a file that somebody is still writing is waited for: half of a manifest can be
//! valid YAML, and acting on it would change or delete things that nobody asked to change.
//!
//! [`git`] reads repositories the same way, and [`DirectoryWatch`] tells when to look again.
//!
//! What manifests build on comes from [`templates`], and what it was once is kept in a [`lock`].

mod directory;
mod error;
pub mod git;
mod input;
mod known;
pub mod lock;
mod open;
mod options;
mod places;
mod process;
mod quiet;
mod read;
#[cfg(test)]
mod read_tests;
mod skipped;
mod snapshot;
mod source_config;
mod stats;
pub mod templates;
mod watch;

pub use error::SourceError;
pub use input::Input;
pub use options::ReadOptions;
pub use read::{Reader, read};
pub use skipped::{Skipped, SkippedKind};
pub use snapshot::{Snapshot, SourceFile};
pub use source_config::{DirectoryConfig, SourceConfig, SourceKind};
pub use watch::{DirectoryWatch, WatchError, WatchRoot};
