//! Instances: made, changed, started, stopped.

mod change;
mod existing;
mod plugging;
mod start;
mod withhold;

use std::sync::Arc;

use limekiln_api::mutant::{Mutant, is_on};
use limekiln_api::{Disruption, Lima, RunStrategy};
use limekiln_model::{Action, DesiredInstance, InstancePhase, Name, ObjectId, WaitReason};

use crate::draft::Draft;
use crate::held::Held;
use crate::networks::Moved;
use crate::scene::Scene;
use crate::uses;
use start::Starts;
pub(crate) use start::push_start;

/// What is read and written while instances are planned, one after another.
struct Stage<'a> {
    scene: &'a Scene<'a>,
    held: &'a mut Held,
    moved: &'a Moved,
    starts: Starts,
    draft: &'a mut Draft,
}

/// Decides the steps of every wanted instance, dependencies first.
pub(crate) fn plan(
    scene: &Scene<'_>,
    order: &[Name],
    held: &mut Held,
    moved: &Moved,
    draft: &mut Draft,
) {
    let mut stage = Stage { scene, held, moved, starts: Starts::new(scene), draft };
    for name in order {
        if let Some(wanted) = scene.desired.instances.get(name)
            && !stage.held.holds(&ObjectId::instance(name))
        {
            stage.instance(name, &wanted.spec);
        }
    }
}

/// What may be done to the instance without asking.
pub(crate) fn allowed(scene: &Scene<'_>, wanted: &DesiredInstance) -> Disruption {
    if is_on(Mutant::DisturbsUnasked) {
        return Disruption::Recreate;
    }
    scene.policy.max_disruption.unwrap_or(wanted.spec.max_disruption)
}

/// Whether the instance is to run when the plan is done. One with the strategy `Manual` stays as
/// the user left it; not as a run that was cut short left it.
fn wants_to_run(scene: &Scene<'_>, name: &Name, wanted: &DesiredInstance) -> bool {
    match wanted.spec.run_strategy {
        RunStrategy::Always => true,
        RunStrategy::Halted => false,
        RunStrategy::Manual => {
            let phase = scene.observed.instances.get(name).map(|instance| &instance.phase);
            let runs =
                phase.is_some_and(|phase| phase.is_running() && *phase != InstancePhase::Stopping);
            let owed = scene.observed.restarting.contains(name);
            runs || (owed && !is_on(Mutant::ForgetsRestarts))
        }
    }
}

/// Whether a running instance may be stopped and started for something that it uses. One that no
/// manifest speaks of may not.
pub(crate) fn may_restart(scene: &Scene<'_>, name: &Name) -> bool {
    let Some(wanted) = scene.desired.instances.get(name) else { return false };
    let id = ObjectId::instance(name);
    let touchable = scene.is_ours(&id)
        && !scene.desired.frozen.contains_key(&id)
        && !scene.desired.is_suspended(&id);
    let observed = scene.observed.instances.get(name).map(|instance| &instance.phase);
    let broken = observed.is_some_and(InstancePhase::is_broken);
    touchable && !broken && allowed(scene, &wanted.spec) >= Disruption::Restart
}

impl Stage<'_> {
    fn instance(&mut self, name: &Name, wanted: &DesiredInstance) {
        let complete = self.nothing_is_missing(name, wanted);
        match self.scene.observed.instances.get(name) {
            Some(instance) if instance.phase != InstancePhase::Creating => {
                existing::plan(self, name, wanted, instance, complete);
            }
            // One whose making was interrupted is made anew.
            _ if complete => self.create(name, wanted),
            _ => {}
        }
    }

    /// Whether disks and networks of the template exist or are wanted; reports those that do not.
    fn nothing_is_missing(&mut self, name: &Name, wanted: &DesiredInstance) -> bool {
        let mut complete = true;
        for used in uses::objects(&wanted.filled) {
            let creatable = self.scene.desired.origin(&used).is_some() && !self.held.holds(&used);
            if !creatable && !self.scene.exists(&used) {
                complete = false;
                self.held.hold_start(name);
                let hint =
                    format!("add a manifest of kind {} named {}", used.kind.camel(), used.name);
                let reason = WaitReason::Missing { object: used };
                self.draft.report.add(ObjectId::instance(name), reason, Some(hint));
            }
        }
        complete
    }

    fn create(&mut self, name: &Name, wanted: &DesiredInstance) {
        self.push_fetch(name, wanted);
        self.push_creation(name, wanted);
        if wants_to_run(self.scene, name, wanted) && self.can_start(name, wanted, 0) {
            push_start(self.scene, name, &wanted.filled, self.draft);
        }
    }

    fn push_fetch(&mut self, name: &Name, wanted: &DesiredInstance) {
        let (instance, filled) = (name.clone(), Arc::clone(&wanted.filled));
        self.draft.push(Action::FetchImage { instance, filled }, None);
        if wanted.filled.installs_containerd() {
            self.push_fetch_containerd(name, &wanted.filled);
        }
    }

    fn push_fetch_containerd(&mut self, name: &Name, filled: &Arc<Lima>) {
        let (instance, filled) = (name.clone(), Arc::clone(filled));
        self.draft.push(Action::FetchContainerd { instance, filled }, None);
    }

    fn push_creation(&mut self, name: &Name, wanted: &DesiredInstance) {
        let (instance, filled) = (name.clone(), Arc::clone(&wanted.filled));
        let template = Arc::clone(&wanted.spec.template);
        self.draft.push(Action::CreateInstance { instance, template, filled }, None);
    }
}
