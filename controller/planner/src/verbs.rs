//! Plans for commands that name their objects: delete, undelete, start, stop, restart.

use std::collections::{BTreeMap, BTreeSet};

use limekiln_model::{
    Action, Capabilities, Cost, Desired, InstancePhase, Name, ObjectId, Observed, ObservedInstance,
    Parked, Plan, Policy, Report, StopMode, WaitReason,
};

use crate::draft::Draft;
use crate::held::Held;
use crate::instances::push_start;
use crate::prune::{is_protected, push_deletion, push_stop, remaining_user, unreadable};
use crate::scene::Scene;
use crate::{conflicts, held, networks, order, parked, ports};

/// What to do with instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunVerb {
    /// Start those that do not run.
    Start,
    /// Stop those that run.
    Stop(StopMode),
    /// Stop those that run, and start all.
    Restart,
}

fn with_scene<T>(
    observed: &Observed,
    capabilities: &Capabilities,
    act: impl FnOnce(&Scene<'_>) -> T,
) -> T {
    let (desired, policy) = (Desired::default(), Policy::default());
    act(&Scene { desired: &desired, observed, capabilities, policy: &policy })
}

/// Plans the deletion of objects: parked, or with `purge` removed for good (also from where they
/// are parked). Objects that are not ours, protected, or used by others are reported instead.
pub fn plan_delete(
    observed: &Observed,
    capabilities: &Capabilities,
    ids: &[ObjectId],
    purge: bool,
) -> (Plan, Report) {
    with_scene(observed, capabilities, |scene| {
        let mut draft = Draft::default();
        let held = held::initial(scene, &mut draft);
        let gone: BTreeSet<_> = ids.iter().cloned().collect();
        let stays = |id: &ObjectId| is_protected(scene, id) || unreadable(scene, id).is_some();
        let leaving = gone.iter().filter(|id| scene.is_ours(id) && !stays(id));
        let leaving = leaving.cloned().collect();
        for id in &gone {
            delete(scene, id, &leaving, purge, &mut draft);
        }
        networks::daemons(scene, &held, &mut draft);
        order::connect(scene, &mut draft);
        draft.finish(observed, "")
    })
}

fn delete(
    scene: &Scene<'_>,
    id: &ObjectId,
    leaving: &BTreeSet<ObjectId>,
    purge: bool,
    draft: &mut Draft,
) {
    let parked: Vec<_> =
        scene.observed.parked.iter().filter(|parked| parked.id == *id && purge).collect();
    if !scene.exists(id) && parked.is_empty() {
        return draft.report.add(id.clone(), WaitReason::Missing { object: id.clone() }, None);
    }
    if scene.exists(id) {
        if !scene.is_ours(id) {
            let hint = "take it over first: put it into a manifest and `limekiln apply --adopt`"
                .to_owned();
            return draft.report.add(id.clone(), WaitReason::NotOurs, Some(hint));
        }
        if let Some(why) = unreadable(scene, id) {
            let reason = WaitReason::Host { why: why.to_owned() };
            return draft.report.add(id.clone(), reason, Some(networks::UNREADABLE.to_owned()));
        }
        if is_protected(scene, id) {
            return draft.report.add(
                id.clone(),
                WaitReason::Protected,
                Some(format!("let it be deleted first: limekiln unprotect {}", id.name)),
            );
        }
        if let Some(user) = remaining_user(scene, id, leaving) {
            let hint = format!("{user} uses it: delete that first, or both at once");
            return draft.report.add(
                id.clone(),
                WaitReason::Dependency { on: ObjectId::instance(&user) },
                Some(hint),
            );
        }
        if purge {
            push_stop(scene, id, draft);
            draft.push(Action::Purge { object: id.clone(), key: None }, None);
        } else {
            push_deletion(scene, id, draft);
        }
    }
    for parked in parked {
        draft.push(Action::Purge { object: id.clone(), key: Some(parked.key.clone()) }, None);
    }
}

/// Plans the removal of these parked objects, each by its key.
pub fn plan_expire(observed: &Observed, over: &[(ObjectId, String)]) -> Plan {
    let mut draft = Draft::default();
    for (id, key) in over {
        let purge = Action::Purge { object: id.clone(), key: Some(key.clone()) };
        draft.push_because(purge, None, Some("it has been parked for long".to_owned()));
    }
    draft.finish(observed, "").0
}

/// Plans bringing parked objects back, each from the parking with this key, or from its latest one.
pub fn plan_restore(
    observed: &Observed,
    capabilities: &Capabilities,
    ids: &[ObjectId],
    key: Option<&str>,
) -> (Plan, Report) {
    with_scene(observed, capabilities, |scene| {
        let mut draft = Draft::default();
        for id in ids.iter().collect::<BTreeSet<_>>() {
            let has = |parked: &&Parked| parked.id == *id && Some(&*parked.key) == key;
            let meant = match key {
                Some(_) => observed.parked.iter().find(has),
                None => parked::latest(scene, id),
            };
            match meant {
                None => draft.report.add(
                    id.clone(),
                    WaitReason::Missing { object: id.clone() },
                    Some("`limekiln get --deleted` lists what can be brought back".to_owned()),
                ),
                Some(parked) if scene.exists(id) => {
                    let reason =
                        WaitReason::Conflict { with: id.clone(), over: "its name".to_owned() };
                    draft.report.add(
                        id.clone(),
                        reason,
                        Some(parked::ways_back(scene, id, &parked.key)),
                    );
                }
                Some(parked) => {
                    draft.push(
                        Action::Restore { object: id.clone(), key: parked.key.clone() },
                        None,
                    );
                }
            }
        }
        draft.finish(observed, "")
    })
}

/// Plans starts and stops by hand. Whoever made the instances, they may be started and stopped.
pub fn plan_run(
    observed: &Observed,
    capabilities: &Capabilities,
    names: &[Name],
    verb: RunVerb,
) -> (Plan, Report) {
    with_scene(observed, capabilities, |scene| {
        let mut draft = Draft::default();
        let mut held = held::initial(scene, &mut draft);
        let names: BTreeSet<_> = names.iter().collect();
        meetings(scene, &names, verb, &mut held, &mut draft);
        for name in names {
            let id = ObjectId::instance(name);
            match observed.instances.get(name) {
                None => draft.report.add(id.clone(), WaitReason::Missing { object: id }, None),
                Some(instance) => run(scene, name, instance, verb, &held, &mut draft),
            }
        }
        networks::daemons(scene, &held, &mut draft);
        order::connect(scene, &mut draft);
        draft.finish(observed, "")
    })
}

/// Plans the way back to a snapshot that was taken before a change, for instances and their tags:
/// stopped, disks and configuration as they were, and started again if they ran.
pub fn plan_go_back(
    observed: &Observed,
    before: &Observed,
    capabilities: &Capabilities,
    tags: &BTreeMap<Name, String>,
) -> (Plan, Report) {
    with_scene(observed, capabilities, |scene| {
        let mut draft = Draft::default();
        for (name, tag) in tags {
            let Some(was) = before.instances.get(name) else { continue };
            let (instance, tag) = (name.clone(), tag.clone());
            let lives =
                observed.instances.get(name).is_some_and(|instance| instance.phase.may_live());
            if lives {
                // What its guest has in memory is not to stay.
                let stop =
                    Action::StopInstance { instance: instance.clone(), mode: StopMode::Force };
                draft.push(stop, Some(Cost::Restart));
            }
            let (of, with) = (instance.clone(), tag.clone());
            draft.push(Action::RestoreSnapshot { instance: of, tag: with }, None);
            if let Some(config) = was.config.as_ref().filter(|_| was.phase.is_running()) {
                push_start(scene, name, config, &mut draft);
            }
            draft.push(Action::ForgetSnapshot { instance, tag }, None);
        }
        draft.finish(observed, "")
    })
}

/// Whether the verb starts the instance, perhaps after a stop.
fn starts(verb: RunVerb, instance: &ObservedInstance) -> bool {
    match verb {
        RunVerb::Stop(_) => false,
        RunVerb::Start => !instance.phase.is_running(),
        RunVerb::Restart => true,
    }
}

/// Holds starts of instances with a hardware address that another one has on the same network, or
/// is to have: the network's daemon would refuse it when it is under way. So is it with what it
/// listens on.
fn meetings(
    scene: &Scene<'_>,
    names: &BTreeSet<&Name>,
    verb: RunVerb,
    held: &mut Held,
    draft: &mut Draft,
) {
    let instances = &scene.observed.instances;
    let started: BTreeMap<_, _> = names
        .iter()
        .filter_map(|name| instances.get_key_value(*name))
        .filter(|(_, instance)| starts(verb, instance))
        .filter_map(|(name, instance)| Some((name, instance.config.as_deref()?)))
        .collect();
    let runners = || {
        let others = scene.alive().filter(|(name, _)| !started.contains_key(name));
        others.chain(started.iter().map(|(name, config)| (*name, *config)))
    };
    ports::check(scene, runners(), |name| started.contains_key(name), held, draft);
    for met in conflicts::cards_that_meet(scene, runners()) {
        for name in met.claimants.iter().filter(|name| started.contains_key(name)) {
            let Some(other) = met.claimants.iter().find(|other| *other != name) else { continue };
            held.hold_start(name);
            let (with, over) = (ObjectId::instance(other), met.over.clone());
            let reason = WaitReason::Conflict { with, over };
            draft.report.add(ObjectId::instance(name), reason, Some(met.hint.clone()));
        }
    }
}

fn run(
    scene: &Scene<'_>,
    name: &Name,
    instance: &ObservedInstance,
    verb: RunVerb,
    held: &Held,
    draft: &mut Draft,
) {
    let running = instance.phase.is_running();
    let broken = instance.phase.is_broken();
    let mode = match verb {
        RunVerb::Stop(mode) => Some(mode),
        RunVerb::Restart => Some(StopMode::Graceful),
        RunVerb::Start => None,
    };
    if starts(verb, instance) && !may_start(scene, name, instance, held, draft) {
        return;
    }
    let owed = scene.observed.restarting.contains(name) && matches!(verb, RunVerb::Stop(_));
    if let Some(mode) = mode.filter(|_| running || broken || owed) {
        // Also if only half of it runs: a VM without its host agent hears the power button. And
        // one that would be started again, because a crash left it so, is to stay as it is.
        draft.push(Action::StopInstance { instance: name.clone(), mode }, Some(Cost::Restart));
    }
    if matches!(verb, RunVerb::Stop(_)) {
        return;
    }
    if verb == RunVerb::Start && running {
        if instance.phase == InstancePhase::Booting {
            draft.push(Action::AwaitReady { instance: name.clone() }, None);
        }
        return;
    }
    start(scene, name, instance, draft);
}

/// Whether nothing holds it and its networks can be had; says why not. One that runs is not stopped
/// for a start that cannot be.
fn may_start(
    scene: &Scene<'_>,
    name: &Name,
    instance: &ObservedInstance,
    held: &Held,
    draft: &mut Draft,
) -> bool {
    let Some(config) = &instance.config else { return true };
    let bad = networks::bad(scene, held, config);
    let may = bad.is_empty() && !held.holds_start(name);
    for (why, hint) in bad {
        draft.report.add(ObjectId::instance(name), WaitReason::Host { why }, Some(hint));
    }
    may
}

fn start(scene: &Scene<'_>, name: &Name, instance: &ObservedInstance, draft: &mut Draft) {
    let id = ObjectId::instance(name);
    let Some(config) = &instance.config else {
        let why = match &instance.phase {
            InstancePhase::Broken { why } => why.clone(),
            _ => "its lima.yaml cannot be read".to_owned(),
        };
        let hint = format!("mend {}", instance.dir.join("lima.yaml").display());
        return draft.report.add(id, WaitReason::Broken { why }, Some(hint));
    };
    if instance.phase == InstancePhase::Creating {
        let why = "its making was interrupted".to_owned();
        return draft.report.add(
            id,
            WaitReason::Broken { why },
            Some("`limekiln apply` finishes it".to_owned()),
        );
    }
    // A size that was stored while the VM ran.
    if let (Some(from), Some(to)) = (instance.disk_bytes, config.disk.map(|disk| disk.0))
        && to > from
        && !instance.phase.is_broken()
    {
        draft.push(
            Action::ResizeInstanceDisk {
                instance: name.clone(),
                from: Some(from),
                to,
                live: false,
            },
            None,
        );
    }
    push_start(scene, name, config, draft);
}
