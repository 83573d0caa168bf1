//! Networks: definitions and daemons.

use std::collections::{BTreeMap, BTreeSet};

use limekiln_model::{Action, Cost, Name, NetworkPhase, ObjectId, WaitReason};

use crate::diff;
use crate::draft::Draft;
use crate::held::Held;
use crate::scene::Scene;
use crate::uses;

/// Instances that have to be stopped and started because something under them changes, and why.
pub(crate) type Moved = BTreeMap<Name, String>;

/// Defines and redefines networks. Returns the instances that a redefinition moves.
pub(crate) fn plan(scene: &Scene<'_>, held: &Held, draft: &mut Draft) -> Moved {
    let mut moved = Moved::new();
    for (name, wanted) in &scene.desired.networks {
        let id = ObjectId::network(name);
        if held.holds(&id) {
            continue;
        }
        if !scene.capabilities.networks {
            let why = format!("the {} engine does not run networks yet", scene.capabilities.engine);
            draft.report.add(id, WaitReason::Host { why }, None);
            continue;
        }
        let define = Action::DefineNetwork { network: name.clone(), spec: wanted.spec.clone() };
        match scene.observed.networks.get(name) {
            None => {
                draft.push(define, None);
            }
            Some(observed) if observed.spec == wanted.spec => {}
            Some(observed) => {
                let changes =
                    diff::values("network", &observed.spec, &wanted.spec, scene.capabilities);
                if let Err(blocked) = movable(scene, name, &mut moved) {
                    let reason = WaitReason::RestartRequired { changes };
                    draft.report.add(
                        id,
                        reason,
                        Some(format!(
                            "{blocked} would be restarted: allow it with --max-disruption restart"
                        )),
                    );
                    continue;
                }
                draft.changes.insert(id, changes);
                if observed.phase == NetworkPhase::Running {
                    draft.push(Action::StopNetwork { network: name.clone() }, Some(Cost::Restart));
                }
                draft.push(define, Some(Cost::Restart));
            }
        }
    }
    moved
}

/// Notes the running users, or names one that may not be restarted.
fn movable(scene: &Scene<'_>, network: &Name, moved: &mut Moved) -> Result<(), Name> {
    let users: Vec<_> = running_users(scene, network).collect();
    if let Some(blocked) = users.iter().find(|user| !crate::instances::may_restart(scene, user)) {
        return Err((*blocked).clone());
    }
    moved.extend(users.into_iter().map(|user| (user, format!("network {network} changes"))));
    Ok(())
}

fn running_users<'a>(scene: &Scene<'a>, network: &'a Name) -> impl Iterator<Item = Name> + 'a {
    let instances =
        scene.observed.instances.iter().filter(|(_, instance)| instance.phase.is_running());
    let users = instances.filter(move |(_, instance)| {
        let config = instance.booted.as_ref().or(instance.config.as_ref());
        config.is_some_and(|config| uses::networks(config).any(|used| used == *network))
    });
    users.map(|(name, _)| name.clone())
}

/// Starts daemons that a user needs, and stops those whose last user goes. Comes after the
/// instances, whose steps it looks at.
pub(crate) fn daemons(scene: &Scene<'_>, held: &Held, draft: &mut Draft) {
    if !scene.capabilities.networks {
        return;
    }
    let needed = needed(scene, draft);
    let known: BTreeSet<_> =
        scene.desired.networks.keys().chain(scene.observed.networks.keys()).cloned().collect();
    for name in known {
        let id = ObjectId::network(&name);
        if held.holds(&id) || !scene.is_ours(&id) {
            continue;
        }
        let stops =
            draft.find(&id, |action| matches!(action, Action::StopNetwork { .. })).is_some();
        let runs = scene
            .observed
            .networks
            .get(&name)
            .is_some_and(|network| network.phase == NetworkPhase::Running);
        match (needed.contains(&name), runs && !stops) {
            (true, false) => {
                draft.push(Action::StartNetwork { network: name }, None);
            }
            (false, true) if scene.desired.networks.contains_key(&name) => {
                draft.push(Action::StopNetwork { network: name }, None);
            }
            _ => {}
        }
    }
}

/// Networks of the instances that run when the plan is done.
fn needed(scene: &Scene<'_>, draft: &Draft) -> BTreeSet<Name> {
    let names: BTreeSet<_> =
        scene.desired.instances.keys().chain(scene.observed.instances.keys()).collect();
    let run = names.into_iter().filter(|name| {
        let id = ObjectId::instance(name);
        let last = |like: fn(&Action) -> bool| draft.find(&id, like).is_some();
        let starts = last(|action| matches!(action, Action::StartDriver { .. }));
        let stops = last(|action| matches!(action, Action::StopInstance { .. }));
        starts || (scene.runs(name) && !stops)
    });
    run.filter_map(|name| {
        let wanted = scene.desired.instances.get(name).map(|wanted| &wanted.spec.filled);
        wanted.or_else(|| scene.observed.instances.get(name)?.config.as_ref())
    })
    .flat_map(uses::networks)
    .collect()
}
