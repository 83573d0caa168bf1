//! What comes after what, between objects. Within an object the steps already form a chain.
//!
//! Every edge leads from stops to changes to starts, so no circle can arise.

use std::collections::BTreeMap;

use limekiln_api::mutant::{Mutant, is_on};
use limekiln_api::{DependencyCondition, Lima};
use limekiln_model::{Action, Kind, Name, ObjectId};

use crate::draft::{Draft, Node};
use crate::scene::Scene;
use crate::uses;

/// Adds the edges.
pub(crate) fn connect(scene: &Scene<'_>, draft: &mut Draft) {
    if draft.is_empty() {
        return;
    }
    let holders = Holders::of(scene);
    for node in draft.all(|action| matches!(action, Action::CreateInstance { .. })) {
        after_disks_exist(scene, draft, node);
    }
    for node in draft.all(|action| matches!(action, Action::StartDriver { .. })) {
        before_start(scene, &holders, draft, node);
    }
    for node in draft.all(|action| matches!(action, Action::AttachDisk { .. })) {
        before_attaching(&holders, draft, node);
    }
    for node in draft.all(|action| {
        matches!(
            action,
            Action::ResizeDisk { .. } | Action::StopNetwork { .. } | Action::Park { .. }
        )
    }) {
        after_users_stop(&holders, draft, node);
    }
    after_dependents_stop(scene, draft);
}

/// Running instances by what they hold.
struct Holders {
    objects: BTreeMap<ObjectId, Vec<Name>>,
    ports: BTreeMap<u16, Vec<Name>>,
}

impl Holders {
    fn of(scene: &Scene<'_>) -> Self {
        let (mut objects, mut ports) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        for (name, instance) in &scene.observed.instances {
            let config = instance.runs_with();
            for id in config.into_iter().flat_map(uses::objects) {
                objects.entry(id).or_default().push(name.clone());
            }
        }
        for (port, name) in scene.ssh_ports() {
            ports.entry(port).or_default().push(name.clone());
        }
        for (name, disk) in &scene.observed.disks {
            if let Some(user) = &disk.in_use_by {
                let users = objects.entry(ObjectId::disk(name)).or_default();
                if !users.contains(user) {
                    users.push(user.clone());
                }
            }
        }
        Self { objects, ports }
    }
}

/// The last step that takes an instance's hands off an object that it holds.
fn let_go(draft: &Draft, name: &Name, held: Option<&ObjectId>) -> Option<Node> {
    let id = ObjectId::instance(name);
    let detached = draft.find(&id, |action| {
        matches!(action, Action::DetachDisk { disk, .. } if held == Some(&ObjectId::disk(disk)))
    });
    if detached.is_some() {
        return detached;
    }
    let parked =
        draft.find(&id, |action| matches!(action, Action::Park { .. } | Action::Purge { .. }));
    parked.or_else(|| draft.find(&id, |action| matches!(action, Action::StopInstance { .. })))
}

fn template<'a>(scene: &Scene<'a>, name: &Name) -> Option<&'a Lima> {
    let wanted = scene.desired.instances.get(name).map(|wanted| &*wanted.spec.filled);
    wanted.or_else(|| scene.observed.instances.get(name)?.config.as_deref())
}

fn after_disks_exist(scene: &Scene<'_>, draft: &mut Draft, node: Node) {
    let name = draft.action(node).object().name;
    let Some(lima) = template(scene, &name) else { return };
    for disk in uses::disks(lima).filter(|_| !is_on(Mutant::MadeBeforeItsDisks)) {
        if let Some(last) = draft.last(&ObjectId::disk(&disk)) {
            draft.edge(last, node);
        }
    }
}

fn before_start(scene: &Scene<'_>, holders: &Holders, draft: &mut Draft, node: Node) {
    let name = draft.action(node).object().name;
    let Some(lima) = template(scene, &name) else { return };
    for used in uses::objects(lima) {
        if let Some(last) = draft.last(&used).filter(|_| !is_on(Mutant::StartsBeforeWhatItUses)) {
            draft.edge(last, node);
        }
        // What another instance holds is free when that one has stopped.
        for other in
            holders.objects.get(&used).into_iter().flatten().filter(|other| **other != name)
        {
            if let Some(stopped) = let_go(draft, other, Some(&used)) {
                draft.edge(stopped, node);
            }
        }
    }
    let port = uses::port(lima).and_then(|port| holders.ports.get(&port));
    for other in port.into_iter().flatten().filter(|other| **other != name) {
        if let Some(stopped) = let_go(draft, other, None) {
            draft.edge(stopped, node);
        }
    }
    after_dependencies(scene, draft, &name, node);
}

fn after_dependencies(scene: &Scene<'_>, draft: &mut Draft, name: &Name, node: Node) {
    let Some(wanted) = scene.desired.instances.get(name) else { return };
    if is_on(Mutant::StartsBeforeDependencies) {
        return;
    }
    for dependency in &wanted.spec.spec.depends_on {
        let id = ObjectId { kind: dependency.kind, name: dependency.name.clone() };
        let before = match (dependency.kind, dependency.condition) {
            (Kind::Instance, DependencyCondition::Ready) => {
                draft.find(&id, |action| matches!(action, Action::AwaitReady { .. }))
            }
            (Kind::Instance, DependencyCondition::Running) => {
                draft.find(&id, |action| matches!(action, Action::StartDriver { .. }))
            }
            (Kind::Disk | Kind::Network, _) => draft.last(&id),
        };
        if let Some(before) = before {
            draft.edge(before, node);
        }
    }
}

/// A disk is plugged in when it exists, has its size, and nobody else has it any more.
fn before_attaching(holders: &Holders, draft: &mut Draft, node: Node) {
    let Action::AttachDisk { instance, disk } = draft.action(node).clone() else { return };
    let id = ObjectId::disk(&disk);
    if let Some(last) = draft.last(&id) {
        draft.edge(last, node);
    }
    let others = holders.objects.get(&id).into_iter().flatten();
    for other in others.filter(|other| **other != instance) {
        if let Some(gone) = let_go(draft, other, Some(&id)) {
            draft.edge(gone, node);
        }
    }
}

/// A disk is grown, a daemon stopped and either parked when nobody uses it any more.
fn after_users_stop(holders: &Holders, draft: &mut Draft, node: Node) {
    let id = draft.action(node).object();
    for user in holders.objects.get(&id).into_iter().flatten() {
        if let Some(stopped) =
            let_go(draft, user, Some(&id)).filter(|_| !is_on(Mutant::ChangesUnderUsers))
        {
            draft.edge(stopped, node);
        }
    }
}

/// Those that depend on an instance stop before it does.
fn after_dependents_stop(scene: &Scene<'_>, draft: &mut Draft) {
    let stop = |action: &Action| matches!(action, Action::StopInstance { .. });
    for (name, wanted) in &scene.desired.instances {
        let Some(stopped) = draft.find(&ObjectId::instance(name), stop) else { continue };
        for on in wanted.spec.spec.depends_on.iter().filter(|on| on.kind == Kind::Instance) {
            if let Some(later) = draft.find(&ObjectId::instance(&on.name), stop)
                && later != stopped
            {
                draft.edge(stopped, later);
            }
        }
    }
}
