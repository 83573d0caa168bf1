//! What the person who runs a plan allows.

use std::collections::{BTreeMap, BTreeSet};

use limekiln_api::Disruption;
use serde::{Deserialize, Serialize};

use crate::ObjectId;

/// What may be planned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Whether owned objects that are no longer in their source are deleted.
    pub prune: bool,
    /// Whether they are deleted only once another look shows the same, by a later plan.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prune_later: bool,
    /// Objects that are gone from their source and are not deleted yet, and why: another source may
    /// have them by now.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub prune_waits: BTreeMap<ObjectId, String>,
    /// By a source's identity, the most of its objects that one pass deletes: max(1, 20 %) of those
    /// owned where nothing is said. 0 means never, whatever else is allowed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub prune_budgets: BTreeMap<String, usize>,
    /// Whether deleting every owned object is allowed, of every source.
    pub prune_all: bool,
    /// The sources of which that is allowed, by identity.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub prune_all_of: BTreeSet<String>,
    /// Overrides every instance's `maxDisruption` when set.
    pub max_disruption: Option<Disruption>,
    /// Whether existing objects that nobody owns are taken over.
    pub adopt: bool,
    /// Whether instances are changed only after a snapshot, to which a change that fails goes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_first: Option<SnapshotFirst>,
}

impl Policy {
    /// Whether a plan may delete what is no longer in its source.
    pub fn prunes(&self) -> bool {
        self.prune && !self.prune_later
    }

    /// Whether anything is not deleted yet because another source may have it.
    pub fn waits(&self) -> bool {
        !self.prune_waits.is_empty()
    }

    /// Whether deleting every owned object of a source is allowed, but for a budget of 0.
    pub fn prunes_all_of(&self, source: &str) -> bool {
        self.prune_all || self.prune_all_of.contains(source)
    }
}

/// The snapshot before a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotFirst {
    /// Its tag.
    pub tag: String,
    /// Whether it stays when the change has succeeded.
    pub keep: bool,
}
