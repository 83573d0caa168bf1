//! What the person who runs a plan allows.

use std::collections::BTreeMap;

use limekiln_api::Disruption;
use serde::{Deserialize, Serialize};

/// What may be planned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Whether owned objects that are no longer in their source are deleted.
    pub prune: bool,
    /// The most objects of each source that one pass deletes; `None` means max(1, 20 %) of those
    /// owned.
    pub prune_budget: Option<usize>,
    /// The same for single sources, by identity. 0 means never, whatever else is allowed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub prune_budgets: BTreeMap<String, usize>,
    /// Whether deleting every owned object is allowed.
    pub prune_all: bool,
    /// Overrides every instance's `maxDisruption` when set.
    pub max_disruption: Option<Disruption>,
    /// Whether existing objects that nobody owns are taken over.
    pub adopt: bool,
    /// Whether instances are changed only after a snapshot, to which a change that fails goes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_first: Option<SnapshotFirst>,
}

/// The snapshot before a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotFirst {
    /// Its tag.
    pub tag: String,
    /// Whether it stays when the change has succeeded.
    pub keep: bool,
}
