//! Plans as text: lines for a terminal, and graphs.
//!
//! Nothing here knows colours; a line says what it is, and the command line styles it.

mod dot;
mod lines;
mod made;
mod mermaid;
mod reason;
mod tree;
mod value;

pub use dot::dot;
pub use lines::{Line, Sign, Summary, lines, summary};
pub use mermaid::mermaid;
pub use reason::reason;
pub use tree::tree;
