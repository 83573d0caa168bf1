//! What every plan must satisfy, stated apart from how plans are made. Tests run it over every
//! plan that they see.

mod dependencies;
mod sharing;
mod states;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use limekiln_model::{Action, Desired, Kind, ObjectId, Observed, Plan, StepId};

use states::States;

/// A rule that a plan breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A step waits for a step that does not come before it in the list.
    Order(StepId),
    /// Two steps on one object, neither of which waits for the other.
    Unordered(StepId, StepId),
    /// A deletion of something that is not ours, does not exist, is protected, or still runs.
    Unguarded(StepId, &'static str),
    /// A step whose object is not as the step needs it, even if all steps before succeed.
    Precondition(StepId, &'static str),
    /// A disk or an instance disk that would shrink.
    Shrinks(StepId),
    /// Two steps that share a disk, a network, a port or a dependency, and that are not in the
    /// one order in which that goes well.
    Sharing(StepId, StepId, &'static str),
    /// A step on an object on which nothing may be done.
    Held(StepId),
    /// An object with a step that has no fingerprint in the basis.
    NoBasis(ObjectId),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(step) => write!(f, "step {step} waits for a later one"),
            Self::Unordered(one, two) => {
                write!(f, "steps {one} and {two} work on one object at once")
            }
            Self::Unguarded(step, why) => write!(f, "step {step} deletes and {why}"),
            Self::Precondition(step, why) => write!(f, "step {step} cannot work: {why}"),
            Self::Shrinks(step) => write!(f, "step {step} shrinks a disk"),
            Self::Sharing(one, two, what) => {
                write!(f, "step {one} does not come before step {two}: {what}")
            }
            Self::Held(step) => {
                write!(f, "step {step} works on an object that is to be left alone")
            }
            Self::NoBasis(id) => write!(f, "{id} has steps and no fingerprint"),
        }
    }
}

/// Every rule that the plan breaks. `adopted` says that objects without an owner may be changed.
pub fn check(plan: &Plan, desired: &Desired, observed: &Observed, adopted: bool) -> Vec<Violation> {
    let mut found = Vec::new();
    let before = ancestors(plan, &mut found);
    let mut states = States::of(observed);
    let mut latest: BTreeMap<ObjectId, StepId> = BTreeMap::new();
    for (number, step) in plan.iter() {
        let id = step.action.object();
        if !plan.basis.observed.contains_key(&id) {
            found.push(Violation::NoBasis(id.clone()));
        }
        if is_held(desired, &id) {
            found.push(Violation::Held(number));
        }
        let earlier = latest.insert(id, number);
        let unordered = earlier.filter(|earlier| !before[number.0].contains(earlier));
        found.extend(unordered.map(|earlier| Violation::Unordered(earlier, number)));
        found.extend(unguarded(number, &step.action, observed, &states, adopted));
        found.extend(states.apply(number, &step.action));
    }
    found.extend(sharing::check(plan, observed, &before));
    found.extend(dependencies::check(plan, desired, observed, &before));
    found
}

/// For each step all steps that precede it, directly or not.
type Ancestors = Vec<BTreeSet<StepId>>;

fn ancestors(plan: &Plan, found: &mut Vec<Violation>) -> Ancestors {
    let mut all: Ancestors = Vec::with_capacity(plan.steps.len());
    for (number, step) in plan.iter() {
        let mut before = BTreeSet::new();
        for parent in &step.after {
            match all.get(parent.0) {
                Some(earlier) => {
                    before.extend(earlier.iter().copied());
                    before.insert(*parent);
                }
                None => found.push(Violation::Order(number)),
            }
        }
        all.push(before);
    }
    all
}

fn is_held(desired: &Desired, id: &ObjectId) -> bool {
    desired.frozen.contains_key(id) || desired.is_elsewhere(id) || desired.is_suspended(id)
}

fn unguarded(
    number: StepId,
    action: &Action,
    observed: &Observed,
    states: &States,
    adopted: bool,
) -> Option<Violation> {
    let why = match action {
        Action::Park { object } | Action::Purge { object, key: None } => {
            let protected = object.kind == Kind::Instance
                && observed.instances.get(&object.name).is_some_and(|instance| instance.protected);
            if !adopted && !observed.owners.contains_key(object) {
                "it is not ours"
            } else if protected {
                "it is protected"
            } else if states.runs(object) {
                "it still runs"
            } else {
                return None;
            }
        }
        Action::Purge { object, key: Some(key) } => {
            let parked =
                observed.parked.iter().any(|parked| parked.id == *object && parked.key == *key);
            if parked {
                return None;
            }
            "nothing is parked under that key"
        }
        Action::ResizeDisk { from, to, .. } if to < from => {
            return Some(Violation::Shrinks(number));
        }
        Action::ResizeInstanceDisk { from: Some(from), to, .. } if to < from => {
            return Some(Violation::Shrinks(number));
        }
        _ => return None,
    };
    Some(Violation::Unguarded(number, why))
}
