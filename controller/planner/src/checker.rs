//! What every plan must satisfy, stated apart from how plans are made. Tests run it over every
//! plan that they see.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use limekiln_model::{Action, Kind, ObjectId, Observed, Plan, StepId};

use crate::uses;

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
            Self::NoBasis(id) => write!(f, "{id} has steps and no fingerprint"),
        }
    }
}

/// Every rule that the plan breaks. `adopted` says that objects without an owner may be changed.
pub fn check(plan: &Plan, observed: &Observed, adopted: bool) -> Vec<Violation> {
    let mut found = Vec::new();
    let before = ancestors(plan, &mut found);
    let mut states = States::of(observed);
    for (number, step) in plan.iter() {
        let id = step.action.object();
        if !plan.basis.observed.contains_key(&id) {
            found.push(Violation::NoBasis(id.clone()));
        }
        found.extend(unordered(plan, number, &id, &before));
        found.extend(unguarded(number, &step.action, observed, &states, adopted));
        found.extend(states.apply(number, &step.action));
    }
    found.extend(users_before_providers(plan, observed, &before));
    found
}

/// For each step all steps that precede it, directly or not.
fn ancestors(plan: &Plan, found: &mut Vec<Violation>) -> Vec<BTreeSet<StepId>> {
    let mut all: Vec<BTreeSet<StepId>> = Vec::with_capacity(plan.steps.len());
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

fn unordered(
    plan: &Plan,
    number: StepId,
    id: &ObjectId,
    before: &[BTreeSet<StepId>],
) -> Option<Violation> {
    let earlier = plan.iter().take(number.0).filter(|(_, step)| step.action.object() == *id).last();
    let (earlier, _) = earlier?;
    (!before[number.0].contains(&earlier)).then_some(Violation::Unordered(earlier, number))
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

/// What exists and runs as the plan goes along, in the plan's own order.
#[derive(Default)]
struct States {
    exists: BTreeSet<ObjectId>,
    running: BTreeSet<ObjectId>,
    half: BTreeSet<ObjectId>,
    /// Not made whole: may be made or taken away, and nothing else.
    begun: BTreeSet<ObjectId>,
}

impl States {
    fn of(observed: &Observed) -> Self {
        use limekiln_model::{InstancePhase, NetworkPhase};
        let mut states = Self::default();
        for (name, instance) in &observed.instances {
            let id = ObjectId::instance(name);
            match instance.phase {
                InstancePhase::Creating => {
                    states.begun.insert(id);
                    continue;
                }
                InstancePhase::Broken { .. } => drop(states.half.insert(id.clone())),
                _ if instance.phase.is_running() => drop(states.running.insert(id.clone())),
                _ => {}
            }
            states.exists.insert(id);
        }
        states.exists.extend(observed.disks.keys().map(ObjectId::disk));
        for (name, network) in &observed.networks {
            states.exists.insert(ObjectId::network(name));
            if network.phase == NetworkPhase::Running {
                states.running.insert(ObjectId::network(name));
            }
        }
        states
    }

    fn runs(&self, id: &ObjectId) -> bool {
        self.running.contains(id) || self.half.contains(id)
    }

    /// Notes what the action does; returns what stands against it.
    fn apply(&mut self, number: StepId, action: &Action) -> Option<Violation> {
        let id = action.object();
        let needs = |holds: bool, why| (!holds).then_some(Violation::Precondition(number, why));
        let (exists, runs) = (self.exists.contains(&id), self.runs(&id));
        match action {
            Action::FetchImage { .. } | Action::DefineNetwork { .. } | Action::Release { .. } => {
                if matches!(action, Action::DefineNetwork { .. }) {
                    self.exists.insert(id);
                    return needs(!runs, "the daemon runs");
                }
                None
            }
            Action::CreateDisk { .. } | Action::CreateInstance { .. } | Action::Restore { .. } => {
                self.exists.insert(id);
                needs(!exists, "it exists")
            }
            Action::StartNetwork { .. } => {
                self.running.insert(id);
                needs(exists && !runs, "the daemon runs or is not defined")
            }
            Action::StartDriver { .. } => {
                let running = self.running.contains(&id);
                self.half.remove(&id);
                self.running.insert(id);
                needs(exists && !running, "it runs or does not exist")
            }
            Action::AwaitReady { .. } | Action::Mount { .. } | Action::Forward { .. } => {
                needs(runs, "it does not run")
            }
            Action::StopNetwork { .. } | Action::StopInstance { .. } => {
                self.running.remove(&id);
                self.half.remove(&id);
                needs(runs, "it does not run")
            }
            Action::ResizeInstanceDisk { live, .. } => {
                needs(exists && *live == runs, "it runs, or is to be resized live and does not")
            }
            Action::EditInstance { .. } | Action::ResizeDisk { .. } => {
                needs(exists, "it does not exist")
            }
            Action::Park { .. } => {
                let begun = self.begun.remove(&id);
                self.exists.remove(&id);
                needs(exists || begun, "it does not exist")
            }
            Action::Purge { key, .. } => {
                let needed = exists || key.is_some() || self.begun.contains(&id);
                if key.is_none() {
                    self.exists.remove(&id);
                }
                needs(needed, "it does not exist")
            }
        }
    }
}

/// Disks and daemons that have steps are there before an instance that uses them starts.
fn users_before_providers(
    plan: &Plan,
    observed: &Observed,
    before: &[BTreeSet<StepId>],
) -> Vec<Violation> {
    let mut providers: BTreeMap<ObjectId, StepId> = BTreeMap::new();
    for (number, step) in plan.iter() {
        let provides = matches!(
            step.action,
            Action::CreateDisk { .. } | Action::ResizeDisk { .. } | Action::StartNetwork { .. }
        );
        if provides {
            providers.insert(step.action.object(), number);
        }
    }
    let mut found = Vec::new();
    for (number, step) in plan.iter() {
        let Action::StartDriver { instance } = &step.action else { continue };
        let config = template_at_start(plan, number, instance)
            .or_else(|| observed.instances.get(instance)?.config.as_ref());
        for used in config.into_iter().flat_map(uses::objects) {
            if providers.get(&used).is_some_and(|provider| !before[number.0].contains(provider)) {
                found.push(Violation::Precondition(
                    number,
                    "it starts before something that it uses",
                ));
            }
        }
    }
    found
}

fn template_at_start<'a>(
    plan: &'a Plan,
    start: StepId,
    name: &limekiln_model::Name,
) -> Option<&'a limekiln_api::Lima> {
    let earlier = plan.steps.iter().take(start.0).rev();
    let mut stored = earlier.filter_map(|step| match &step.action {
        Action::CreateInstance { instance, filled, .. }
        | Action::EditInstance { instance, filled, .. }
            if instance == name =>
        {
            Some(&**filled)
        }
        _ => None,
    });
    stored.next()
}
