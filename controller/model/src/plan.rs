//! A plan: a directed acyclic graph of steps, as data.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Action, Change, Cost, Fingerprint, ObjectId};

/// The number of a step within its plan, from 0. A step's number is its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(pub usize);

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0 + 1)
    }
}

/// One action and what has to be done before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// Steps that must have succeeded first, ascending, without duplicates.
    pub after: Vec<StepId>,
    /// What it costs a running VM; `None` for something that is not running yet.
    pub cost: Option<Cost>,
    /// Why, in words, when the diff does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What the plan was made from. A saved plan runs only while this still holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Basis {
    /// The revision of the manifests.
    pub revision: String,
    /// For each object with a step, the fingerprint of what was observed of it (`None`: absent).
    pub observed: BTreeMap<ObjectId, Option<Fingerprint>>,
}

/// Everything that is to be done. Serialises to JSON and comes back equal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What it was made from; a part of a plan has that of the whole.
    pub basis: Arc<Basis>,
    /// The steps, in an order in which they could run one after another.
    pub steps: Vec<Step>,
    /// Per object, the fields that will differ less once the plan has run, or that were refused.
    pub changes: BTreeMap<ObjectId, Vec<Change>>,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Each step with its number.
    pub fn iter(&self) -> impl Iterator<Item = (StepId, &Step)> {
        self.steps.iter().enumerate().map(|(index, step)| (StepId(index), step))
    }

    /// The step with this number.
    pub fn step(&self, id: StepId) -> Option<&Step> {
        self.steps.get(id.0)
    }

    /// The destructive steps: what consent is asked for.
    pub fn destructive(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.action.is_destructive())
    }
}
