//! Templates and scripts from wherever a locator leads: the I/O side of
//! [`limekiln_api::template`].
//!
//! A locator is first transformed until it stays the same: `github:` becomes an `https:` URL, and
//! every other scheme, also `https`, `http` and `file`, is offered to a plugin
//! `limactl-url-SCHEME`. What is left is read. All of it is Lima's way of doing it, with what Lima
//! leaves out: the status of an answer is minded, and nothing runs or waits without a bound.

mod builtin;
mod file;
mod github;
mod http;
mod outcome;
mod plugin;
mod run;
mod search;
mod settings;
mod store;

pub(crate) use http::open_url;
pub use search::{Listed, Place};
pub use settings::TemplateSettings;
pub use store::TemplateStore;
