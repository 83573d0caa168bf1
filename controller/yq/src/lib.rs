//! Expressions of yq, as Lima's provisioning has them, on files in a guest.
//!
//! Lima's guest agent has the yq of Mike Farah in it. Here jaq does the work, which has jq's
//! language: the same for paths, assignments, operators and most functions. What the two write
//! differently is translated ([`Expression`]); what jq does not know is an error, before anything is
//! edited.

mod dashes;
mod edit;
mod error;
mod expression;
mod format;
mod ini;
mod program;
mod steps;

pub use edit::edit;
pub use error::YqError;
pub use expression::Expression;
pub use format::Format;
pub use program::Program;
