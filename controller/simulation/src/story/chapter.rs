//! A story, and its chapters.

use std::time::Duration;

use super::{Armed, Catalogue, Deed};

/// Something is done, and meanwhile something goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chapter {
    /// What is done.
    pub deed: Deed,
    /// What goes wrong.
    pub faults: Vec<Armed>,
    /// How long the next chapter waits; `None` until nothing is left to do.
    pub hurry: Option<Duration>,
}

/// One schedule. Equal seeds give equal stories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// What it was drawn from.
    pub seed: u64,
    /// Instances and disks that exist in the beginning and are somebody else's.
    pub strangers: Catalogue,
    /// Whether what is in no manifest any more is deleted.
    pub prune: bool,
    /// Whether the chapters follow each other faster than the controller.
    pub rapid: bool,
    /// What happens.
    pub chapters: Vec<Chapter>,
}
