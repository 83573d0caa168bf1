//! Steps of different objects that touch one thing: a disk, a network, a host port.

use std::collections::BTreeMap;

use limekiln_api::Lima;
use limekiln_model::{Action, Cost, Kind, Name, ObjectId, Observed, Plan, Step, StepId};

use super::{Ancestors, Violation};
use crate::uses;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Object(ObjectId),
    Port(u16),
}

/// What a step does with a thing, in the order in which that has to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Touch {
    /// A VM that holds it stops.
    LetsGo,
    /// It is made, changed or taken away.
    Changes,
    /// A VM that is to hold it is made.
    Needs,
    /// A VM takes hold of it.
    Takes,
}

/// Pairs of steps that share something and are not in order.
pub(super) fn check(plan: &Plan, observed: &Observed, before: &Ancestors) -> Vec<Violation> {
    let mut found = pulled_away(plan, observed);
    for (thing, touches) in touches(plan, observed) {
        for (index, one) in touches.iter().enumerate() {
            for two in &touches[index + 1..] {
                let (first, then) = if one.1 <= two.1 { (one, two) } else { (two, one) };
                if matters(&thing, first.1, then.1) && !before[then.0.0].contains(&first.0) {
                    let what = "both touch one disk, network or port";
                    found.push(Violation::Sharing(first.0, then.0, what));
                }
            }
        }
    }
    found
}

/// Daemons that are stopped, and disks that are changed, under a VM that goes on.
fn pulled_away(plan: &Plan, observed: &Observed) -> Vec<Violation> {
    let stops = |name: &Name| {
        let mut steps = plan.steps.iter();
        steps.any(|step| {
            matches!(&step.action, Action::StopInstance { instance, .. } if instance == name)
        })
    };
    let pulls = |step: &Step| match step.action {
        Action::StopNetwork { .. } => true,
        Action::ResizeDisk { .. } => step.cost == Some(Cost::Restart),
        _ => false,
    };
    let mut found = Vec::new();
    for (number, step) in plan.iter().filter(|(_, step)| pulls(step)) {
        let thing = Thing::Object(step.action.object());
        let mut users =
            observed.instances.keys().filter(|name| held_by(observed, name).contains(&thing));
        if users.any(|name| !stops(name)) {
            found.push(Violation::Precondition(number, "a VM that uses it goes on"));
        }
    }
    found
}

/// Whether the order of two touches counts.
fn matters(thing: &Thing, first: Touch, then: Touch) -> bool {
    let shared = matches!(thing, Thing::Object(id) if id.kind == Kind::Network);
    match (first, then) {
        (Touch::LetsGo, Touch::Changes) | (Touch::Changes, Touch::Needs | Touch::Takes) => true,
        // Many VMs can be on a network; a disk and a port have one.
        (Touch::LetsGo, Touch::Takes) => !shared,
        _ => false,
    }
}

fn touches(plan: &Plan, observed: &Observed) -> BTreeMap<Thing, Vec<(StepId, Touch)>> {
    let mut all: BTreeMap<Thing, Vec<(StepId, Touch)>> = BTreeMap::new();
    // A definition that is live is nothing to who comes, goes and goes on beside it; whether it may
    // be, the states see to.
    let live = |step: &Step| {
        matches!(step.action, Action::DefineNetwork { .. }) && step.cost == Some(Cost::Live)
    };
    for (number, step) in plan.iter().filter(|(_, step)| !live(step)) {
        for (thing, touch) in of_action(plan, observed, number, &step.action) {
            all.entry(thing).or_default().push((number, touch));
        }
    }
    all
}

fn of_action(
    plan: &Plan,
    observed: &Observed,
    number: StepId,
    action: &Action,
) -> Vec<(Thing, Touch)> {
    match action {
        Action::StopInstance { instance, .. } => {
            held_by(observed, instance).into_iter().map(|thing| (thing, Touch::LetsGo)).collect()
        }
        Action::StartDriver { instance } => {
            let stored = || observed.instances.get(instance)?.config.as_deref();
            let config = template_at_start(plan, number, instance).or_else(stored);
            let things = config.into_iter().flat_map(things);
            // What it holds already, it does not take.
            let held = held_by(observed, instance);
            let stops = plan.steps.iter().any(|step| {
                matches!(&step.action, Action::StopInstance { instance: other, .. } if other == instance)
            });
            things
                .filter(|thing| stops || !held.contains(thing))
                .map(|thing| (thing, Touch::Takes))
                .collect()
        }
        Action::AttachDisk { disk, .. } => {
            vec![(Thing::Object(ObjectId::disk(disk)), Touch::Takes)]
        }
        Action::DetachDisk { disk, .. } => {
            vec![(Thing::Object(ObjectId::disk(disk)), Touch::LetsGo)]
        }
        Action::CreateInstance { filled, .. } => uses::disks(filled)
            .map(|disk| (Thing::Object(ObjectId::disk(&disk)), Touch::Needs))
            .collect(),
        Action::CreateDisk { .. }
        | Action::ResizeDisk { .. }
        | Action::DefineNetwork { .. }
        | Action::StartNetwork { .. }
        | Action::StopNetwork { .. } => vec![(Thing::Object(action.object()), Touch::Changes)],
        Action::Park { object } | Action::Purge { object, key: None } => {
            vec![(Thing::Object(object.clone()), Touch::Changes)]
        }
        _ => Vec::new(),
    }
}

fn things(config: &Lima) -> impl Iterator<Item = Thing> + '_ {
    uses::objects(config).map(Thing::Object).chain(uses::port(config).map(Thing::Port))
}

/// What an instance that is alive, or half alive, holds.
fn held_by(observed: &Observed, name: &Name) -> Vec<Thing> {
    let Some(instance) = observed.instances.get(name) else { return Vec::new() };
    let mut held: Vec<_> = instance.booted.as_deref().into_iter().flat_map(things).collect();
    held.extend(instance.ssh_port.map(Thing::Port));
    held
}

fn template_at_start<'a>(plan: &'a Plan, start: StepId, name: &Name) -> Option<&'a Lima> {
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
