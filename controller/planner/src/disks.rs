//! Additional disks.

use limekiln_api::DiskSpec;
use limekiln_model::{Action, Change, Cost, Name, ObjectId, ObservedDisk, WaitReason};

use crate::cost::cost_on;
use crate::diff::{self, refused_hint};
use crate::draft::Draft;
use crate::held::Held;
use crate::networks::{Blocked, Moved, hint};
use crate::scene::Scene;
use crate::uses;

/// Creates and grows disks. Adds the instances that growing moves.
pub(crate) fn plan(
    scene: &Scene<'_>,
    held: &Held,
    blocked: &Blocked,
    mut moved: Moved,
    draft: &mut Draft,
) -> Moved {
    for (name, wanted) in &scene.desired.disks {
        let id = ObjectId::disk(name);
        if held.holds(&id) {
            continue;
        }
        match scene.observed.disks.get(name) {
            None => {
                draft.push(
                    Action::CreateDisk { disk: name.clone(), spec: wanted.spec.clone() },
                    None,
                );
            }
            Some(observed) => {
                change(scene, name, &wanted.spec, observed, blocked, &mut moved, draft);
            }
        }
    }
    moved
}

fn change(
    scene: &Scene<'_>,
    name: &Name,
    spec: &DiskSpec,
    observed: &ObservedDisk,
    blocked: &Blocked,
    moved: &mut Moved,
    draft: &mut Draft,
) {
    let id = ObjectId::disk(name);
    let changes = changes(scene, name, spec, observed);
    let (refused, possible): (Vec<_>, Vec<_>) =
        changes.into_iter().partition(|change| change.cost == Cost::Refused);
    if !refused.is_empty() {
        let hint = refused_hint(&refused);
        draft.report.add(id.clone(), WaitReason::Refused { changes: refused }, hint);
    }
    let users: Vec<_> = running_users(scene, name).collect();
    let possible: Vec<_> = possible.into_iter().map(|change| on_users(change, &users)).collect();
    let left = || scene.capabilities.live_disk_resize && is_left_undone(scene, name, &users);
    let cost = possible.iter().map(|change| change.cost).max();
    let Some(cost) = cost.or_else(|| left().then_some(Cost::Live)) else { return };
    if cost == Cost::Restart {
        let fixed = users.iter().find(|user| !crate::instances::may_restart(scene, user));
        if let Some(user) = fixed.or(blocked.get(&id)) {
            let reason = WaitReason::RestartRequired { changes: possible };
            draft.report.add(id, reason, Some(hint(user)));
            return;
        }
        for user in &users {
            moved.entry(user.clone()).or_default().push(id.clone());
        }
    }
    if !possible.is_empty() {
        draft.changes.insert(id, possible);
    }
    let resize = Action::ResizeDisk {
        disk: name.clone(),
        from: observed.size,
        to: spec.size.0.max(observed.size),
        format: observed.format,
    };
    draft.push(resize, (!users.is_empty()).then_some(cost));
}

/// Whether the guest of the VM that has the disk did not get through with what is on it.
fn is_left_undone(scene: &Scene<'_>, disk: &Name, users: &[Name]) -> bool {
    let fault =
        |user: &Name| scene.observed.instances.get(user)?.live_disks.fault(Some(disk.as_str()));
    users.iter().any(|user| fault(user).is_some())
}

/// Why no running VM that has the disk can grow it, if one can't.
fn fixed(scene: &Scene<'_>, disk: &Name) -> Option<String> {
    let of = |user: Name| scene.observed.instances.get(&user)?.live_disks.fixed.clone();
    running_users(scene, disk).find_map(of)
}

fn changes(
    scene: &Scene<'_>,
    name: &Name,
    spec: &DiskSpec,
    observed: &ObservedDisk,
) -> Vec<Change> {
    let mut changes = Vec::new();
    let now = limekiln_api::ByteSize(observed.size);
    if spec.size != now {
        let (cost, note) = cost_on("disk.size", scene.capabilities);
        let json = |size: limekiln_api::ByteSize| Some(size.to_string().into());
        let mut change = Change {
            path: "size".into(),
            from: json(now),
            to: json(spec.size),
            cost,
            note: note.map(str::to_owned),
        };
        diff::cost_of_size(
            &mut change,
            Some(now),
            Some(spec.size),
            scene.capabilities.live_disk_resize && fixed(scene, name).is_none(),
        );
        if change.cost == Cost::Restart && scene.capabilities.live_disk_resize {
            change.note = fixed(scene, name);
        }
        changes.push(change);
    }
    if spec.format != observed.format {
        let (cost, note) = cost_on("disk.format", scene.capabilities);
        let json = |format: limekiln_api::DiskFormat| Some(format.word().into());
        changes.push(Change {
            path: "format".into(),
            from: json(observed.format),
            to: json(spec.format),
            cost,
            note: note.map(str::to_owned),
        });
    }
    changes
}

/// A disk that nothing runs on can be changed at once.
fn on_users(change: Change, users: &[Name]) -> Change {
    let cost = if users.is_empty() { Cost::Live } else { change.cost };
    Change { cost, ..change }
}

/// Running instances that have the disk attached.
fn running_users<'a>(scene: &Scene<'a>, disk: &'a Name) -> impl Iterator<Item = Name> + 'a {
    let in_use = scene.observed.disks.get(disk).and_then(|disk| disk.in_use_by.as_ref());
    let users = scene.alive().filter(move |(name, config)| {
        in_use == Some(*name) || uses::disks(config).any(|used| used == *disk)
    });
    users.map(|(name, _)| name.clone())
}
