//! Whether an instance may be started, and the steps of starting it.

use std::collections::BTreeMap;

use limekiln_api::mutant::{Mutant, is_on};
use limekiln_api::{ByteSize, Dependency, DependencyCondition, Lima};
use limekiln_model::{
    Action, DesiredInstance, InstancePhase, Kind, Mounted, Name, ObjectId, WaitReason,
};

use super::Stage;
use crate::draft::Draft;
use crate::scene::Scene;
use crate::{networks, uses};

/// What the host still has for starts. Instances that run, or may, take theirs first.
pub(super) struct Starts {
    total: u64,
    left: Option<u64>,
    held_now: BTreeMap<String, Name>,
}

impl Starts {
    pub(super) fn new(scene: &Scene<'_>) -> Self {
        let total = scene.observed.host.as_ref().map(|host| host.facts.memory);
        // Also what half lives may have its memory: starting it gives that back first.
        let used: u64 = scene.alive().map(|(_, config)| uses::memory(config)).sum();
        Self {
            total: total.unwrap_or_default(),
            left: total.map(|total| total.saturating_sub(used)),
            held_now: held_now(scene),
        }
    }

    /// Another instance that has the thing now, and that is not known to stop.
    fn holder(&self, claim: &str, name: &Name, draft: &Draft) -> Option<&Name> {
        let holder = self.held_now.get(claim).filter(|holder| *holder != name)?;
        let stop = |action: &Action| matches!(action, Action::StopInstance { .. });
        draft.find(&ObjectId::instance(holder), stop).is_none().then_some(holder)
    }

    /// Takes the memory of a start if there is enough, otherwise says what there is.
    fn take_memory(&mut self, needed: u64, freed: u64) -> Result<(), String> {
        let Some(left) = &mut self.left else { return Ok(()) };
        if let Some(rest) = (*left + freed).checked_sub(needed) {
            *left = rest;
            return Ok(());
        }
        let (needed, left) = (ByteSize(needed), readable(*left + freed));
        let total = readable(self.total);
        Err(format!("it needs {needed} of memory; {left} of this host's {total} are left"))
    }
}

impl Stage<'_> {
    /// A network of the template whose daemon does not run, and that is not for us to start.
    fn silent_network(&self, lima: &Lima) -> Option<ObjectId> {
        let networks = uses::networks(lima).filter(|_| self.scene.capabilities.networks);
        let silent = networks.filter(|name| {
            let network = self.scene.observed.networks.get(name);
            // One that can't be read has a better reason.
            network.is_some_and(|one| !one.phase.serves() && one.unreadable.is_none())
        });
        let mut silent = silent.map(|name| ObjectId::network(&name));
        silent.find(|id| self.held.holds(id))
    }

    /// Whether nothing stands in the way of a start; reports what does. `freed` is the memory
    /// that the instance itself gives back when it is stopped first.
    pub(super) fn can_start(&mut self, name: &Name, wanted: &DesiredInstance, freed: u64) -> bool {
        let mut met = true;
        for dependency in &wanted.spec.depends_on {
            if let Some(reason) = unmet(self.scene, dependency, self.draft) {
                met = false;
                self.draft.report.add(ObjectId::instance(name), reason, None);
            }
        }
        let met = met && !self.held.holds_start(name);
        self.can_go_on(name, wanted, freed, met)
    }

    /// The same for one that half lives: what it depends on mattered when it was started, and what
    /// others want, too, its VM has.
    pub(super) fn can_recover(&mut self, name: &Name, wanted: &DesiredInstance, has: u64) -> bool {
        let free = !self.held.holds(&ObjectId::instance(name));
        self.can_go_on(name, wanted, has, free)
    }

    fn can_go_on(&mut self, name: &Name, wanted: &DesiredInstance, freed: u64, met: bool) -> bool {
        let id = ObjectId::instance(name);
        let mut possible = met;
        if let Some(network) = self.silent_network(&wanted.filled) {
            possible = false;
            let hint = format!("{network} is not managed here: start its daemon, or adopt it");
            self.draft.report.add(id.clone(), WaitReason::Dependency { on: network }, Some(hint));
        }
        for (why, hint) in networks::bad(self.scene, self.held, &wanted.filled) {
            possible = false;
            self.draft.report.add(id.clone(), WaitReason::Host { why }, Some(hint));
        }
        if !possible {
            return false;
        }
        for claim in claims(&wanted.filled) {
            if let Some(holder) = self.starts.holder(&claim, name, self.draft) {
                let reason = WaitReason::Conflict { with: ObjectId::instance(holder), over: claim };
                self.draft.report.add(id, reason, None);
                return false;
            }
        }
        match self.starts.take_memory(uses::memory(&wanted.filled), freed) {
            Ok(()) => true,
            Err(why) => {
                let hint = "stop another instance, or lower `memory`".to_owned();
                self.draft.report.add(id, WaitReason::Host { why }, Some(hint));
                false
            }
        }
    }
}

/// What only one running instance can have, in words.
fn claims(lima: &Lima) -> impl Iterator<Item = String> + '_ {
    uses::disks(lima).map(|disk| disk_claim(&disk)).chain(uses::port(lima).map(port_claim))
}

fn disk_claim(disk: &Name) -> String {
    format!("disk {disk}")
}

fn port_claim(port: u16) -> String {
    format!("host port {port}")
}

/// Who has what, now.
fn held_now(scene: &Scene<'_>) -> BTreeMap<String, Name> {
    let mut held = BTreeMap::new();
    for (name, config) in scene.alive() {
        held.extend(uses::disks(config).map(|disk| (disk_claim(&disk), name.clone())));
    }
    let ports = scene.ssh_ports().into_iter();
    held.extend(ports.map(|(port, name)| (port_claim(port), name.clone())));
    for (disk, observed) in &scene.observed.disks {
        let user = observed.in_use_by.clone();
        held.extend(user.map(|user| (disk_claim(disk), user)));
    }
    held
}

/// Start, wait, then what needs a running guest.
pub(crate) fn push_start(scene: &Scene<'_>, name: &Name, filled: &Lima, draft: &mut Draft) {
    draft.push(Action::StartDriver { instance: name.clone() }, None);
    push_ready(scene, name, filled, draft);
}

/// Wait until the guest runs, then what needs it to.
pub(super) fn push_ready(scene: &Scene<'_>, name: &Name, filled: &Lima, draft: &mut Draft) {
    draft.push(Action::AwaitReady { instance: name.clone() }, None);
    push_mounts(scene, name, filled, &[], draft);
    push_forward(scene, name, filled, draft);
}

pub(super) fn push_forward(scene: &Scene<'_>, name: &Name, filled: &Lima, draft: &mut Draft) {
    let forwards = filled.port_forwards.as_ref().is_some_and(|forwards| !forwards.is_empty());
    if scene.capabilities.forwards && forwards {
        draft.push(Action::Forward { instance: name.clone() }, None);
    }
}

/// The mounts that are not in place.
pub(super) fn push_mounts(
    scene: &Scene<'_>,
    name: &Name,
    filled: &Lima,
    in_place: &[Mounted],
    draft: &mut Draft,
) {
    for mount in filled.mounts.iter().flatten().filter(|_| scene.capabilities.mounts) {
        let mount_point = mount.mount_point();
        if !in_place.iter().any(|mounted| mounted.mount_point == mount_point) {
            let mount_point = mount_point.to_owned();
            draft.push(Action::Mount { instance: name.clone(), mount_point }, None);
        }
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
    (!met && !is_on(Mutant::DependenciesForgotten)).then_some(WaitReason::Dependency { on: id })
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
