//! Signs of life.

/// What a guest has done, in counts that only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes written to the serial consoles.
    pub console_bytes: u64,
    /// Reads from disks.
    pub reads: u64,
    /// Writes to disks.
    pub writes: u64,
}
