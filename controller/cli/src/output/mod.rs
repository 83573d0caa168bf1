//! What is shown: tables, colours, progress, prompts.

pub mod ask;
pub mod diagnostic;
pub mod format;
pub mod plan;
pub mod progress;
pub mod style;
pub mod table;
pub mod time;
