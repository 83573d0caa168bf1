//! Instance directories, with Lima's file names and formats.

mod create;
mod edit;
mod stored;

pub(crate) use create::create;
pub(crate) use edit::{disk_bytes, edit, must_not_shrink, resize};
