//! How inputs are read.

use std::time::Duration;

/// Bounds and waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOptions {
    /// Whether directories below a directory are read too.
    pub recursive: bool,
    /// How long a file must have been unchanged before it is trusted.
    pub quiet: Duration,
    /// How long files that keep changing are waited for, those of all inputs together.
    pub patience: Duration,
    /// The largest file in bytes.
    pub max_file: u64,
    /// The most files of one input.
    pub max_files: usize,
    /// The most bytes of one input.
    pub max_total: u64,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            recursive: false,
            quiet: Duration::from_millis(200),
            patience: Duration::from_secs(10),
            max_file: 4 << 20,
            max_files: 10_000,
            max_total: 256 << 20,
        }
    }
}
