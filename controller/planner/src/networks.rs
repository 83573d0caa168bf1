//! Networks: definitions and daemons.

use std::collections::{BTreeMap, BTreeSet};

use limekiln_api::mutant::{Mutant, is_on};
use limekiln_api::{InterfaceKind, Lima, NetworkMode, NetworkSpec};
use limekiln_model::{
    Action, Change, Cost, Name, NetworkPhase, ObjectId, ObservedNetwork, WaitReason,
};

use crate::diff;
use crate::draft::Draft;
use crate::held::Held;
use crate::scene::Scene;
use crate::{subnets, uses};

/// Instances that have to be stopped and started because these change under them.
pub(crate) type Moved = BTreeMap<Name, Vec<ObjectId>>;

/// What can be done about a network that a later release defined.
pub(crate) const UNREADABLE: &str =
    "use that release; or remove the file, and with it `mtu`, `allow` and `hosts` of the network";

/// What can be done about a network that a Linux host cannot have.
const IMPOSSIBLE: &str =
    "use mode user-v2, or name a bridge or a tap of this host with mode bridged";

/// Networks and disks that cannot change, for an instance that uses them would not come back.
pub(crate) type Blocked = BTreeMap<ObjectId, Name>;

/// Holds networks that are to be defined and that this host cannot have. One that is defined as it
/// should be is not spoken of: its interface may come back before an instance is started on it.
pub(crate) fn check(scene: &Scene<'_>, held: &mut Held, draft: &mut Draft) {
    if !scene.capabilities.networks {
        return;
    }
    for (name, wanted) in &scene.desired.networks {
        let there = scene.observed.networks.get(name).map(|there| &there.spec);
        if there == Some(&wanted.spec) || held.holds_definition(name) {
            continue;
        }
        if let Some(why) = impossible(scene, name, &wanted.spec) {
            held.refuse_definition(scene, name);
            let hint = Some(IMPOSSIBLE.to_owned());
            draft.report.add(ObjectId::network(name), WaitReason::Host { why }, hint);
        }
    }
}

/// Defines and redefines networks. Returns the instances that a redefinition moves.
pub(crate) fn plan(scene: &Scene<'_>, held: &Held, blocked: &Blocked, draft: &mut Draft) -> Moved {
    let mut moved = Moved::new();
    for (name, wanted) in &scene.desired.networks {
        let id = ObjectId::network(name);
        if held.holds_definition(name) {
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
                if wanted.spec.is_live_change_of(&observed.spec) && !observed.foreign {
                    draft.changes.insert(id, changes);
                    draft.push(define, Some(Cost::Live));
                    continue;
                }
                let changes = changes.into_iter().map(|change| dearer(change, observed)).collect();
                if let Err(user) = movable(scene, name, blocked, &mut moved) {
                    let reason = WaitReason::RestartRequired { changes };
                    draft.report.add(id, reason, Some(hint(&user)));
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

/// Lima's daemon reads no file of ours: what another would read anew needs another.
fn dearer(mut change: Change, observed: &ObservedNetwork) -> Change {
    if observed.foreign && change.cost == Cost::Live {
        change.cost = Cost::Restart;
        change.note = Some("the daemon that runs is Lima's, and ours takes its place".to_owned());
    }
    change
}

/// What can be done about a user that stands in the way.
pub(crate) fn hint(user: &Name) -> String {
    format!("{user} would be restarted: allow it with --max-disruption restart, or stop {user}")
}

/// Notes the running users, or names one that may not be restarted.
fn movable(
    scene: &Scene<'_>,
    network: &Name,
    blocked: &Blocked,
    moved: &mut Moved,
) -> Result<(), Name> {
    let id = ObjectId::network(network);
    let users: Vec<_> = running_users(scene, network).collect();
    let fixed = users.iter().find(|user| !crate::instances::may_restart(scene, user));
    if let Some(fixed) = fixed.or(blocked.get(&id)) {
        return Err(fixed.clone());
    }
    for user in users {
        moved.entry(user).or_default().push(id.clone());
    }
    Ok(())
}

fn running_users<'a>(scene: &Scene<'a>, network: &'a Name) -> impl Iterator<Item = Name> + 'a {
    let users = scene
        .alive()
        .filter(move |(_, config)| uses::networks(config).any(|used| used == *network));
    users.map(|(name, _)| name.clone())
}

/// Starts daemons that a user needs, and stops those that nobody uses any more, whoever defined
/// the network: to run a daemon changes nothing of it. One that another tool started is stopped
/// only with its last user: it may be there for an instance that is about to start. Comes after
/// all that starts and stops instances.
pub(crate) fn daemons(scene: &Scene<'_>, held: &Held, draft: &mut Draft) {
    if !scene.capabilities.networks {
        return;
    }
    let (needed, left) = (needed(scene, draft), left(scene, draft));
    // One that cannot be read, and of which something may live, may use any; as for Lima.
    let mut instances = scene.observed.instances.values();
    let unreadable = instances.any(|one| {
        let unknown = one.config.is_none() && one.booted.is_none();
        unknown && one.phase.is_broken()
    });
    let known: BTreeSet<_> =
        scene.desired.networks.keys().chain(scene.observed.networks.keys()).cloned().collect();
    for name in known {
        let id = ObjectId::network(&name);
        if held.holds(&id) {
            continue;
        }
        let stops =
            draft.find(&id, |action| matches!(action, Action::StopNetwork { .. })).is_some();
        let phase = scene.observed.networks.get(&name).map(|network| &network.phase);
        let hosted = phase == Some(&NetworkPhase::Hosted) && !redefined(draft, &id);
        let runs = phase == Some(&NetworkPhase::Running) && !stops;
        let kept = scene.is_ours(&id) && scene.desired.networks.contains_key(&name);
        let foreign = scene.observed.networks.get(&name).is_some_and(|network| network.foreign);
        let ends = (left.contains(&name) || kept || !foreign) && !unreadable;
        match (needed.contains(&name), runs) {
            (true, false) if !hosted => {
                draft.push(Action::StartNetwork { network: name }, None);
            }
            (false, true) if is_on(Mutant::DaemonStays) => {}
            (false, true) if ends => {
                draft.push(Action::StopNetwork { network: name }, None);
            }
            _ => {}
        }
    }
}

/// Whether the plan gives the network another definition.
fn redefined(draft: &Draft, id: &ObjectId) -> bool {
    draft.find(id, |action| matches!(action, Action::DefineNetwork { .. })).is_some()
}

/// Networks of the instances that the plan stops.
fn left(scene: &Scene<'_>, draft: &Draft) -> BTreeSet<Name> {
    let stop = |action: &Action| matches!(action, Action::StopInstance { .. });
    let stopped =
        scene.alive().filter(|(name, _)| draft.find(&ObjectId::instance(name), stop).is_some());
    stopped.flat_map(|(_, config)| uses::networks(config)).collect()
}

/// Why an instance cannot be put onto its networks, and what can be done.
pub(crate) fn bad(scene: &Scene<'_>, held: &Held, lima: &Lima) -> Vec<(String, String)> {
    if !scene.capabilities.networks {
        return Vec::new();
    }
    let unusable = uses::networks(lima).filter_map(|name| unusable(scene, held, &name));
    unusable.chain(subnets::on_both(scene, held, lima)).collect()
}

/// Why instances cannot be put onto the network on this host, and what can be done.
fn unusable(scene: &Scene<'_>, held: &Held, name: &Name) -> Option<(String, String)> {
    let there = scene.observed.networks.get(name);
    if let Some(why) = there.and_then(|there| there.unreadable.as_ref()) {
        return Some((format!("network/{name} cannot be used: {why}"), UNREADABLE.to_owned()));
    }
    // With a definition that it is not given, nobody is started on it.
    let why = impossible(scene, name, definition(scene, held, name)?)?;
    Some((why, IMPOSSIBLE.to_owned()))
}

/// The definition that a network has when the plan is done.
pub(crate) fn definition<'a>(
    scene: &Scene<'a>,
    held: &Held,
    name: &Name,
) -> Option<&'a NetworkSpec> {
    let there = scene.observed.networks.get(name).map(|there| &there.spec);
    let kept = there.filter(|_| held.holds_definition(name));
    let wanted = scene.desired.networks.get(name).map(|wanted| &wanted.spec);
    kept.or(wanted).or(there)
}

/// Why this host cannot have the network with this definition.
fn impossible(scene: &Scene<'_>, name: &Name, spec: &NetworkSpec) -> Option<String> {
    let host = scene.observed.host.as_ref().filter(|host| host.facts.os == "linux")?;
    Some(match (spec.mode, &spec.interface) {
        (NetworkMode::UserV2, _) => return None,
        (NetworkMode::Host | NetworkMode::Bridged, Some(interface)) => {
            let found = host.interfaces.iter().find(|one| one.name == *interface);
            match found.map(|found| found.kind) {
                Some(InterfaceKind::Bridge | InterfaceKind::Tap) => return None,
                Some(InterfaceKind::Other) => {
                    format!("{interface} of network/{name} is neither a bridge nor a tap")
                }
                None => {
                    format!("this host has no interface {interface}, which network/{name} is on")
                }
            }
        }
        (mode, _) => format!("network/{name} is of mode {}, which needs macOS", mode.word()),
    })
}

/// Networks of the instances that run when the plan is done.
fn needed(scene: &Scene<'_>, draft: &Draft) -> BTreeSet<Name> {
    let stops = |name: &Name| {
        let stop = |action: &Action| matches!(action, Action::StopInstance { .. });
        draft.find(&ObjectId::instance(name), stop).is_some()
    };
    let go_on = scene.alive().filter(|(name, _)| !stops(name)).map(|(_, config)| config);
    let starts = draft.all(|action| matches!(action, Action::StartDriver { .. }));
    let start = starts.into_iter().filter_map(|node| {
        let name = draft.action(node).object().name;
        let wanted = scene.desired.instances.get(&name).map(|wanted| &*wanted.spec.filled);
        wanted.or_else(|| scene.observed.instances.get(&name)?.config.as_deref())
    });
    go_on.chain(start).flat_map(uses::networks).collect()
}
