//! What the user points at.

use std::path::PathBuf;

/// One `-f`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file, whatever its name, or a directory.
    Path(PathBuf),
    /// What was read from standard input.
    Stdin(Vec<u8>),
}
