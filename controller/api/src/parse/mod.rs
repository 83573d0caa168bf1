//! Bytes to manifests, with the position of everything that is wrong.
//!
//! A document goes through three forms: a tree whose every node knows its line and column, a
//! JSON value, and the types. Types fail one error at a time, so a value that failed is taken
//! out and the rest is read again, until all errors are known. What could be read of such a
//! document is kept, so that rules can be held against it, too.

mod bounds;
mod commented;
mod diagnostic;
mod document;
mod duplicates;
mod fault;
mod locate;
mod path;
mod read;
mod removed;
mod settings;
mod sources;
mod split;
mod template;
mod tree;
mod typed;
mod unread;
mod words;
mod written;
mod yaml;

pub(crate) use bounds::options;
pub use diagnostic::{Diagnostic, Severity};
pub(crate) use document::decode;
pub use document::{Broken, Parsed, parse_documents};
pub use locate::Located;
pub(crate) use read::{first_fault, read_node};
pub use settings::{Settings, parse_settings};
pub(crate) use sources::Sources;
pub use template::{Refused, parse_template};
pub(crate) use tree::{Key, Node, Position, Tree};
