//! Two objects that claim one thing, and what the host does not have.

use std::collections::BTreeMap;

use limekiln_api::{NetworkMode, RunStrategy};
use limekiln_model::{Kind, Name, ObjectId, WaitReason};

use crate::draft::Draft;
use crate::held::{self, Held};
use crate::scene::Scene;
use crate::{ports, uses};

/// Holds objects whose names differ only in case: file systems of macOS take them for one.
pub(crate) fn names(scene: &Scene<'_>, draft: &mut Draft) -> Held {
    let mut held = held::initial(scene, draft);
    // Two names that differ only in case are not both in lower case: most often there are none.
    if !names_of(scene).any(|name| name.as_str().bytes().any(|byte| byte.is_ascii_uppercase())) {
        return held;
    }
    let mut by_lower: BTreeMap<(Kind, String), Vec<ObjectId>> = BTreeMap::new();
    for id in scene.desired.ids().chain(scene.observed.ids()) {
        let alike = by_lower.entry((id.kind, id.name.as_str().to_lowercase())).or_default();
        if !alike.contains(&id) {
            alike.push(id);
        }
    }
    for alike in by_lower.into_values().filter(|alike| alike.len() > 1) {
        for id in alike.iter().filter(|id| scene.desired.mentions(id)) {
            let other = alike.iter().find(|other| *other != id).unwrap_or(id);
            held.hold(id.clone());
            let reason = WaitReason::Conflict {
                with: other.clone(),
                over: "a name that differs only in case".to_owned(),
            };
            draft.report.add(id.clone(), reason, Some("rename one of them".to_owned()));
        }
    }
    held
}

fn names_of<'a>(scene: &Scene<'a>) -> impl Iterator<Item = &'a Name> {
    let (desired, observed) = (scene.desired, scene.observed);
    let instances = desired.instances.keys().chain(observed.instances.keys());
    let disks = desired.disks.keys().chain(observed.disks.keys());
    instances.chain(disks).chain(desired.networks.keys()).chain(observed.networks.keys())
}

/// Holds the start of instances that claim one disk, one port or one socket, or a port that is taken.
pub(crate) fn resources(scene: &Scene<'_>, held: &mut Held, draft: &mut Draft) {
    let mut disks: BTreeMap<Name, Vec<Name>> = BTreeMap::new();
    let names = runners(scene);
    let runners = || names.iter().filter_map(|name| Some((name, will_run_with(scene, name)?)));
    for met in cards_that_meet(scene, runners()) {
        clash(scene, &met.claimants, &met.over, &met.hint, held, draft);
    }
    let wanted = |name: &Name| scene.desired.instances.contains_key(name);
    ports::check(scene, runners(), wanted, held, draft);
    for (name, lima) in runners() {
        uses::disks(lima).for_each(|disk| disks.entry(disk).or_default().push(name.clone()));
    }
    for (disk, claimants) in disks {
        clash(scene, &claimants, &format!("disk {disk}"), "attach it to one of them", held, draft);
    }
}

/// Instances with one hardware address on one network: what is for one of them would go to the other.
pub(crate) struct Met {
    /// At least two.
    pub(crate) claimants: Vec<Name>,
    /// The address and the network, in words.
    pub(crate) over: String,
    /// What can be done, with all places.
    pub(crate) hint: String,
}

/// Hardware addresses that several of these instances have on one network. One that has an address
/// twice, as a lima.yaml of another tool's may, is in nobody's way but its own.
pub(crate) fn cards_that_meet<'a>(
    scene: &Scene<'_>,
    runners: impl Iterator<Item = (&'a Name, &'a limekiln_api::Lima)>,
) -> Vec<Met> {
    type Claims = Vec<(Name, usize)>;
    let is_user_v2 = |name: &Name| {
        let wanted = scene.desired.networks.get(name).map(|wanted| &wanted.spec);
        let spec = wanted.or_else(|| Some(&scene.observed.networks.get(name)?.spec));
        spec.is_some_and(|spec| spec.mode == NetworkMode::UserV2)
    };
    let mut claims: BTreeMap<(Name, String), Claims> = BTreeMap::new();
    for (name, lima) in runners {
        for (index, network, mac) in uses::cards(lima, is_user_v2) {
            claims.entry((network, mac)).or_default().push((name.clone(), index));
        }
    }
    let mut met = Vec::new();
    for ((network, mac), claims) in claims.into_iter().filter(|(_, claims)| claims.len() > 1) {
        let places: Vec<_> =
            claims.iter().map(|(name, index)| place(scene, name, *index)).collect();
        let over = format!("hardware address {mac} on network/{network}");
        let hint = format!("give one of them another macAddress: {}", places.join(" and "));
        let mut claimants: Vec<_> = claims.into_iter().map(|(name, _)| name).collect();
        claimants.dedup();
        if claimants.len() > 1 {
            met.push(Met { claimants, over, hint });
        }
    }
    met
}

/// Where a card is written down.
fn place(scene: &Scene<'_>, name: &Name, index: usize) -> String {
    written(scene, name, &format!("networks[{index}]"))
}

/// Where a field of an instance's template is written down.
pub(crate) fn written(scene: &Scene<'_>, name: &Name, field: &str) -> String {
    let id = ObjectId::instance(name);
    let file = match scene.desired.origin(&id) {
        Some(origin) => format!("{}:{}", origin.file.display(), origin.line),
        None => "lima.yaml".to_owned(),
    };
    format!("{field} of {id} ({file})")
}

/// Instances that run after the plan, or would like to.
fn runners(scene: &Scene<'_>) -> Vec<Name> {
    let wanted = scene.desired.instances.iter().filter(|(name, wanted)| {
        match wanted.spec.spec.run_strategy {
            RunStrategy::Always => true,
            // One that is owed a start, or half of which lives, is started, too.
            RunStrategy::Manual => {
                let observed = scene.observed.instances.get(*name);
                let lives = observed.is_some_and(|instance| instance.phase.may_live());
                lives || scene.observed.restarting.contains(*name)
            }
            RunStrategy::Halted => false,
        }
    });
    let mut names: Vec<_> = wanted.map(|(name, _)| name.clone()).collect();
    let others = scene.observed.instances.keys().filter(|name| {
        scene.runs(name) && !scene.desired.instances.contains_key(*name) && !is_pruned(scene, name)
    });
    names.extend(others.cloned());
    names
}

fn is_pruned(scene: &Scene<'_>, name: &Name) -> bool {
    scene.policy.prunes() && scene.observed.owners.contains_key(&ObjectId::instance(name))
}

/// The template that the instance runs with when the plan is done.
fn will_run_with<'a>(scene: &Scene<'a>, name: &Name) -> Option<&'a limekiln_api::Lima> {
    let wanted = scene.desired.instances.get(name).map(|wanted| &*wanted.spec.filled);
    wanted.or_else(|| scene.observed.instances.get(name)?.config.as_deref())
}

/// Those that run already go on; none of the others is started.
fn clash(
    scene: &Scene<'_>,
    claimants: &[Name],
    over: &str,
    hint: &str,
    held: &mut Held,
    draft: &mut Draft,
) {
    if claimants.len() < 2 {
        return;
    }
    for name in claimants.iter().filter(|name| scene.desired.instances.contains_key(*name)) {
        let other = claimants.iter().find(|other| *other != name).unwrap_or(name);
        held.hold_start(name);
        let reason =
            WaitReason::Conflict { with: ObjectId::instance(other), over: over.to_owned() };
        draft.report.add(ObjectId::instance(name), reason, Some(hint.to_owned()));
    }
}
