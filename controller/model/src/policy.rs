//! What the person who runs a plan allows.

use limekiln_api::Disruption;
use serde::{Deserialize, Serialize};

/// What may be planned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Whether owned objects that are no longer in their source are deleted.
    pub prune: bool,
    /// The most objects that one pass deletes; `None` means max(1, 20 %) of those owned.
    pub prune_budget: Option<usize>,
    /// Whether deleting every owned object is allowed.
    pub prune_all: bool,
    /// Overrides every instance's `maxDisruption` when set.
    pub max_disruption: Option<Disruption>,
    /// Whether existing objects that nobody owns are taken over.
    pub adopt: bool,
}
