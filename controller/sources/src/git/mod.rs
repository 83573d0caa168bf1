//! A git repository as a source.
//!
//! Commits come into a bare repository of our own below the cache directory, by the user's `git`
//! program, so that credentials, ssh and proxies are what they are everywhere else. Files are read
//! from its object database; there is never a work tree, and so neither hooks nor filters nor
//! attributes, and nothing that the repository says about configuration is looked at.
//!
//! Who can write to the repository is not trusted: what it holds is bounded, its history only
//! goes forward unless somebody agrees, and its commits are held to keys on this host when asked.

mod cache;
mod config;
mod error;
mod failure;
mod follow;
mod history;
mod keyring;
mod local;
mod objects;
mod options;
mod program;
mod reader;
mod reference;
mod refused;
mod room;
mod signature;
mod source;
mod ssh;
mod stopper;
mod transfer;
mod url;
mod walk;

pub use config::{GitConfig, Verify};
pub use error::{GitError, Obstacle, SignatureFault};
pub use options::GitOptions;
pub use reference::GitReference;
pub use source::GitSource;
pub use stopper::Stopper;
