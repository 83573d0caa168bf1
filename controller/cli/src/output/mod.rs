//! What is shown: tables, colours, progress, prompts.

#[macro_use]
pub mod out;

pub mod ask;
pub mod diagnostic;
pub mod difference;
pub mod fold;
pub mod format;
pub mod log;
pub mod plain;
pub mod plan;
pub mod progress;
pub mod style;
pub mod table;
pub mod time;
pub mod why;
pub mod words;
