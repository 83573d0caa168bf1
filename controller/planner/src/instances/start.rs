//! Whether an instance may be started, and the steps of starting it.

use std::collections::BTreeMap;

use limekiln_api::{ByteSize, Dependency, DependencyCondition, Lima};
use limekiln_model::{Action, DesiredInstance, InstancePhase, Kind, Name, ObjectId, WaitReason};

use crate::draft::Draft;
use crate::held::Held;
use crate::scene::Scene;
use crate::uses;

/// What the host still has for starts. Instances that run take theirs first.
pub(super) struct Starts {
    total: u64,
    left: Option<u64>,
    held_now: BTreeMap<String, Name>,
}

impl Starts {
    pub(super) fn new(scene: &Scene<'_>) -> Self {
        let total = scene.observed.host.as_ref().map(|host| host.facts.memory);
        let running =
            scene.observed.instances.values().filter(|instance| instance.phase.is_running());
        let used: u64 = running
            .filter_map(|instance| instance.booted.as_ref().or(instance.config.as_ref()))
            .map(uses::memory)
            .sum();
        Self {
            total: total.unwrap_or_default(),
            left: total.map(|total| total.saturating_sub(used)),
            held_now: held_now(scene),
        }
    }

    /// Whether nothing stands in the way of a start; reports what does. `freed` is the memory
    /// that the instance itself gives back when it is stopped first.
    pub(super) fn possible(
        &mut self,
        scene: &Scene<'_>,
        name: &Name,
        wanted: &DesiredInstance,
        freed: u64,
        held: &Held,
        draft: &mut Draft,
    ) -> bool {
        let mut possible = !held.holds_start(name);
        for dependency in &wanted.spec.depends_on {
            if let Some(reason) = unmet(scene, dependency, draft) {
                possible = false;
                draft.report.add(ObjectId::instance(name), reason, None);
            }
        }
        for claim in claims(&wanted.filled).filter(|_| possible) {
            if let Some(holder) = self.holder(&claim, name, draft) {
                let reason = WaitReason::Conflict { with: ObjectId::instance(holder), over: claim };
                draft.report.add(ObjectId::instance(name), reason, None);
                return false;
            }
        }
        possible && self.enough_memory(name, uses::memory(&wanted.filled), freed, draft)
    }

    /// Another instance that has the thing now, and that is not known to stop.
    fn holder(&self, claim: &str, name: &Name, draft: &Draft) -> Option<&Name> {
        let holder = self.held_now.get(claim).filter(|holder| *holder != name)?;
        let stop = |action: &Action| matches!(action, Action::StopInstance { .. });
        draft.find(&ObjectId::instance(holder), stop).is_none().then_some(holder)
    }

    fn enough_memory(&mut self, name: &Name, needed: u64, freed: u64, draft: &mut Draft) -> bool {
        let Some(left) = &mut self.left else { return true };
        match (*left + freed).checked_sub(needed) {
            Some(rest) => {
                *left = rest;
                true
            }
            None => {
                let why = format!(
                    "it needs {} of memory; {} of this host's {} are left",
                    ByteSize(needed),
                    readable(*left + freed),
                    readable(self.total)
                );
                let hint = "stop another instance, or lower `memory`".to_owned();
                draft.report.add(ObjectId::instance(name), WaitReason::Host { why }, Some(hint));
                false
            }
        }
    }

    /// Adds the steps of a start.
    pub(super) fn push(
        &mut self,
        scene: &Scene<'_>,
        name: &Name,
        filled: &Lima,
        draft: &mut Draft,
    ) {
        push_start(scene, name, filled, draft);
    }
}

/// What only one running instance can have, in words.
fn claims(lima: &Lima) -> impl Iterator<Item = String> + '_ {
    let port = uses::port(lima).map(|port| format!("host port {port}"));
    uses::disks(lima).map(|disk| format!("disk {disk}")).chain(port)
}

/// Who has what, now.
fn held_now(scene: &Scene<'_>) -> BTreeMap<String, Name> {
    let mut held = BTreeMap::new();
    for (name, config) in scene.alive() {
        held.extend(claims(config).map(|claim| (claim, name.clone())));
        let port = scene.observed.instances.get(name).and_then(|instance| instance.ssh_port);
        held.extend(port.map(|port| (format!("host port {port}"), name.clone())));
    }
    for (disk, observed) in &scene.observed.disks {
        held.extend(observed.in_use_by.clone().map(|user| (format!("disk {disk}"), user)));
    }
    held
}

/// Start, wait, then what needs a running guest.
pub(crate) fn push_start(scene: &Scene<'_>, name: &Name, filled: &Lima, draft: &mut Draft) {
    let instance = || name.clone();
    draft.push(Action::StartDriver { instance: instance() }, None);
    draft.push(Action::AwaitReady { instance: instance() }, None);
    if scene.capabilities.mounts {
        for mount in filled.mounts.iter().flatten() {
            let mount_point = mount.mount_point.clone().unwrap_or_else(|| mount.location.clone());
            draft.push(Action::Mount { instance: instance(), mount_point }, None);
        }
    }
    let forwards = filled.port_forwards.as_ref().is_some_and(|forwards| !forwards.is_empty());
    if scene.capabilities.forwards && forwards {
        draft.push(Action::Forward { instance: instance() }, None);
    }
}

/// Whole MiB print better than bytes.
fn readable(bytes: u64) -> ByteSize {
    ByteSize(bytes >> 20 << 20)
}

/// Why a dependency is not met and will not be.
fn unmet(scene: &Scene<'_>, dependency: &Dependency, draft: &Draft) -> Option<WaitReason> {
    let id = ObjectId { kind: dependency.kind, name: dependency.name.clone() };
    if !scene.desired.mentions(&id) && !scene.exists(&id) {
        return Some(WaitReason::Missing { object: id });
    }
    let met = match dependency.kind {
        Kind::Disk | Kind::Network => scene.exists(&id) || draft.last(&id).is_some(),
        Kind::Instance => instance_comes(scene, &id, dependency.condition, draft),
    };
    (!met).then_some(WaitReason::Dependency { on: id })
}

/// Whether an instance is, or will be, as far as it has to be.
fn instance_comes(
    scene: &Scene<'_>,
    id: &ObjectId,
    condition: DependencyCondition,
    draft: &Draft,
) -> bool {
    let planned = |like: fn(&Action) -> bool| draft.find(id, like).is_some();
    if planned(|action| matches!(action, Action::AwaitReady { .. })) {
        return true;
    }
    let stops =
        planned(|action| matches!(action, Action::StopInstance { .. } | Action::Park { .. }));
    let phase = scene.observed.instances.get(&id.name).map(|instance| &instance.phase);
    !stops
        && match condition {
            DependencyCondition::Ready => phase == Some(&InstancePhase::Ready),
            DependencyCondition::Running => phase.is_some_and(InstancePhase::is_running),
        }
}
