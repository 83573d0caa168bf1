//! Objects that are ours and that no manifest speaks of any more.

use std::collections::{BTreeMap, BTreeSet};

use limekiln_api::DeletionPolicy;
use limekiln_api::mutant::{Mutant, is_on};
use limekiln_model::{
    Action, Cost, DesiredInstance, InstancePhase, Kind, Name, NetworkPhase, ObjectId, StopMode,
    WaitReason,
};

use crate::draft::Draft;
use crate::scene::Scene;
use crate::{networks, uses};

/// Deletes what may be deleted; reports the rest.
pub(crate) fn plan(scene: &Scene<'_>, draft: &mut Draft) {
    let mut going = BTreeSet::new();
    for (source, gone) in gone(scene) {
        // Also what is not deleted yet counts against the budget.
        let count = gone.len();
        let rest = leave_waiting(scene, gone, draft);
        match permission(scene, source, count) {
            Ok(()) => going.extend(rest),
            Err((why, hint)) => report(rest, &why, hint, draft),
        }
    }
    if going.is_empty() {
        return;
    }
    // Instances come first, so that what they use is free.
    let nothing = BTreeSet::new();
    let leaving = going.iter().filter(|id| {
        let needed = id.kind == Kind::Instance && remaining_user(scene, id, &nothing).is_some();
        !needed
            && !retained(scene, id)
            && !is_protected(scene, id)
            && unreadable(scene, id).is_none()
    });
    let leaving = leaving.cloned().collect();
    for id in &going {
        match unreadable(scene, id) {
            Some(why) => {
                let reason = WaitReason::Unpruned { why: why.to_owned() };
                draft.report.add(id.clone(), reason, Some(networks::UNREADABLE.to_owned()));
            }
            None => delete(scene, id, &leaving, draft),
        }
    }
}

/// Why nothing may be done with a network.
pub(crate) fn unreadable<'a>(scene: &Scene<'a>, id: &ObjectId) -> Option<&'a str> {
    let network = scene.observed.networks.get(&id.name).filter(|_| id.kind == Kind::Network);
    network?.unreadable.as_deref()
}

/// Reports what may be in another source by now; returned is the rest.
fn leave_waiting(
    scene: &Scene<'_>,
    gone: BTreeSet<ObjectId>,
    draft: &mut Draft,
) -> BTreeSet<ObjectId> {
    let waits = &scene.policy.prune_waits;
    let (waiting, rest) = gone.into_iter().partition::<BTreeSet<_>, _>(|id| waits.contains_key(id));
    for id in waiting {
        let why = format!("it is in no manifest any more, but {}", waits[&id]);
        let hint = "nothing: it may be deleted once every source was read since".to_owned();
        draft.report.add(id, WaitReason::Unpruned { why }, Some(hint));
    }
    rest
}

fn report(gone: BTreeSet<ObjectId>, why: &str, hint: &str, draft: &mut Draft) {
    for id in gone {
        draft.report.add(id, WaitReason::Unpruned { why: why.to_owned() }, Some(hint.to_owned()));
    }
}

/// By source that was read whole, owned objects which are in no manifest of any.
fn gone<'a>(scene: &Scene<'a>) -> BTreeMap<&'a str, BTreeSet<ObjectId>> {
    let mut gone = BTreeMap::<&str, BTreeSet<ObjectId>>::new();
    for (id, owner) in &scene.observed.owners {
        let source = &owner.origin.source;
        let read = scene.desired.sources.contains(source);
        if read && !scene.desired.mentions(id) && scene.exists(id) {
            gone.entry(source).or_default().insert(id.clone());
        }
    }
    gone
}

/// Whether so many of one source may go: a wrong directory or a bad merge must not take
/// everything, also where other sources have so much that it would be little.
fn permission(scene: &Scene<'_>, source: &str, gone: usize) -> Result<(), (String, &'static str)> {
    let policy = scene.policy;
    if !policy.prune {
        return Err((
            "it is in no manifest any more".to_owned(),
            "delete it with `limekiln apply --prune`",
        ));
    }
    if policy.prune_later {
        return Err((
            "it is in no manifest any more, which another look has to show, too".to_owned(),
            "nothing: the controller looks again at once, and may delete it then",
        ));
    }
    let own = policy.prune_budgets.get(source);
    // Never, whatever somebody acknowledges.
    if own == Some(&0) {
        let why = "the policy of its source lets nothing be deleted".to_owned();
        return Err((why, "delete it with `limekiln delete`, or change `pruneBudget`"));
    }
    if policy.prunes_all_of(source) || is_on(Mutant::PrunesBeyondBudget) {
        return Ok(());
    }
    let owners = scene.observed.owners.values();
    let all = is_on(Mutant::CountsAllSources);
    let owned = owners.filter(|owner| all || owner.origin.source == source).count();
    if gone == owned {
        let why = match owned {
            1 => "the only object of the source would be deleted".to_owned(),
            _ => format!("all {owned} objects of the source would be deleted"),
        };
        return Err((why, "if that is meant: --prune-all"));
    }
    let budget = own.copied().unwrap_or_else(|| (owned / 5).max(1));
    if gone > budget {
        let why =
            format!("{gone} of {owned} objects would be deleted, and at most {budget} are at once");
        return Err((why, "if that is meant: --prune-all"));
    }
    Ok(())
}

fn retained(scene: &Scene<'_>, id: &ObjectId) -> bool {
    let owner = scene.observed.owners.get(id);
    owner.is_some_and(|owner| owner.deletion_policy == DeletionPolicy::Retain)
        && !is_on(Mutant::DeletesRetained)
}

fn delete(scene: &Scene<'_>, id: &ObjectId, leaving: &BTreeSet<ObjectId>, draft: &mut Draft) {
    if retained(scene, id) {
        draft.push_because(
            Action::Release { object: id.clone() },
            None,
            Some("deletionPolicy: Retain".to_owned()),
        );
    } else if let Some(user) = remaining_user(scene, id, leaving) {
        draft.report.add(
            id.clone(),
            WaitReason::Dependency { on: ObjectId::instance(&user) },
            Some(format!("{user} still uses it")),
        );
    } else if is_protected(scene, id) {
        draft.report.add(id.clone(), WaitReason::Protected, None);
    } else {
        push_deletion(scene, id, draft);
    }
}

/// Stops the object and moves it aside.
pub(crate) fn push_deletion(scene: &Scene<'_>, id: &ObjectId, draft: &mut Draft) {
    push_stop(scene, id, draft);
    draft.push(Action::Park { object: id.clone() }, None);
}

/// Stops whatever of the object runs.
pub(crate) fn push_stop(scene: &Scene<'_>, id: &ObjectId, draft: &mut Draft) {
    let cost = Some(Cost::Recreate);
    match id.kind {
        Kind::Instance => {
            let phase = scene.observed.instances.get(&id.name).map(|instance| &instance.phase);
            // Of a broken one, the guest may run, and has data to write.
            if !phase.is_some_and(InstancePhase::may_live) {
                return;
            }
            let mode = StopMode::Graceful;
            draft.push(Action::StopInstance { instance: id.name.clone(), mode }, cost);
        }
        Kind::Network => {
            let running = scene
                .observed
                .networks
                .get(&id.name)
                .is_some_and(|network| network.phase == NetworkPhase::Running);
            if running {
                draft.push(Action::StopNetwork { network: id.name.clone() }, cost);
            }
        }
        Kind::Disk => {}
    }
}

/// The running instance that has the disk attached.
fn holder<'a>(scene: &Scene<'a>, id: &ObjectId) -> Option<&'a Name> {
    let disk = scene.observed.disks.get(&id.name).filter(|_| id.kind == Kind::Disk);
    disk.and_then(|disk| disk.in_use_by.as_ref())
}

/// Lima's marker.
pub(crate) fn is_protected(scene: &Scene<'_>, id: &ObjectId) -> bool {
    let instance = scene.observed.instances.get(&id.name).filter(|_| id.kind == Kind::Instance);
    instance.is_some_and(|instance| instance.protected)
}

/// An instance that stays and uses the disk or network, or depends on the object.
pub(crate) fn remaining_user(
    scene: &Scene<'_>,
    id: &ObjectId,
    leaving: &BTreeSet<ObjectId>,
) -> Option<Name> {
    let depends = |wanted: &DesiredInstance| {
        let mut on = wanted.spec.depends_on.iter();
        on.any(|dependency| dependency.kind == id.kind && dependency.name == id.name)
    };
    let uses_it = |lima: &limekiln_api::Lima| uses::objects(lima).any(|used| used == *id);
    let wanted = scene
        .desired
        .instances
        .iter()
        .find(|(_, wanted)| uses_it(&wanted.spec.filled) || depends(&wanted.spec))
        .map(|(name, _)| name);
    let existing = || {
        let mut instances = scene.observed.instances.iter();
        let user = instances.find(|(name, instance)| {
            let stays = !leaving.contains(&ObjectId::instance(name));
            let configs = [instance.config.as_deref(), instance.booted.as_deref()];
            stays && (configs.into_iter().flatten().any(uses_it) || holder(scene, id) == Some(name))
        });
        user.map(|(name, _)| name)
    };
    wanted.or_else(existing).cloned()
}
