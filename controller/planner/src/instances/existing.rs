//! An instance that exists.

use limekiln_api::{Disruption, Lima, RunStrategy};
use limekiln_model::{
    Action, Change, Cost, DesiredInstance, InstancePhase, Name, ObjectId, ObservedInstance,
    StopMode, WaitReason,
};

use super::change::Changes;
use super::start::Starts;
use super::{allowed, push_creation, withhold};
use crate::draft::Draft;
use crate::held::Held;
use crate::networks::Moved;
use crate::scene::Scene;
use crate::uses;

/// Decides the steps of an instance that exists.
#[expect(clippy::too_many_arguments, reason = "the stages' state, passed on once")]
pub(super) fn plan(
    scene: &Scene<'_>,
    name: &Name,
    wanted: &DesiredInstance,
    instance: &ObservedInstance,
    complete: bool,
    held: &Held,
    moved: &Moved,
    starts: &mut Starts,
    draft: &mut Draft,
) {
    let Some(config) = &instance.config else { return report_broken(name, instance, draft) };
    if let InstancePhase::Broken { why } = &instance.phase {
        return recover(scene, name, wanted, why, held, starts, draft);
    }
    let changes = Changes::between(scene, instance, config, &wanted.filled);
    if !changes.refused.is_empty() {
        draft.report.add(
            ObjectId::instance(name),
            WaitReason::Refused { changes: changes.refused.clone() },
            None,
        );
    }
    let mut subject =
        Subject { scene, name, wanted, instance, config, complete, held, starts, draft };
    if !changes.recreate.is_empty() && subject.recreate(&changes.recreate) {
        return;
    }
    subject.update(&changes, moved.get(name));
}

fn report_broken(name: &Name, instance: &ObservedInstance, draft: &mut Draft) {
    let why = match &instance.phase {
        InstancePhase::Broken { why } => why.clone(),
        _ => "its lima.yaml cannot be read".to_owned(),
    };
    let hint = format!("mend {}, or delete the instance", instance.dir.join("lima.yaml").display());
    draft.report.add(ObjectId::instance(name), WaitReason::Broken { why }, Some(hint));
}

/// Half of it runs. Starting finds the other half: a VM that lives is adopted, not started again.
fn recover(
    scene: &Scene<'_>,
    name: &Name,
    wanted: &DesiredInstance,
    why: &str,
    held: &Held,
    starts: &mut Starts,
    draft: &mut Draft,
) {
    if wanted.spec.run_strategy == RunStrategy::Halted {
        let stop = Action::StopInstance { instance: name.clone(), mode: StopMode::Graceful };
        draft.push_because(stop, None, Some(why.to_owned()));
    } else if starts.possible(scene, name, wanted, uses::memory(&wanted.filled), held, draft) {
        draft.push_because(
            Action::StartDriver { instance: name.clone() },
            None,
            Some(why.to_owned()),
        );
        draft.push(Action::AwaitReady { instance: name.clone() }, None);
    }
}

struct Subject<'a, 'b> {
    scene: &'a Scene<'a>,
    name: &'a Name,
    wanted: &'a DesiredInstance,
    instance: &'a ObservedInstance,
    config: &'a Lima,
    complete: bool,
    held: &'a Held,
    starts: &'b mut Starts,
    draft: &'b mut Draft,
}

impl Subject<'_, '_> {
    fn id(&self) -> ObjectId {
        ObjectId::instance(self.name)
    }

    fn running(&self) -> bool {
        self.instance.phase.is_running()
    }

    fn wants_to_run(&self) -> bool {
        match self.wanted.spec.run_strategy {
            RunStrategy::Always => true,
            RunStrategy::Manual => self.running() && self.instance.phase != InstancePhase::Stopping,
            RunStrategy::Halted => false,
        }
    }

    /// Memory that a stop gives back.
    fn freed(&self) -> u64 {
        let config = self.instance.booted.as_ref().unwrap_or(self.config);
        if self.running() { uses::memory(config) } else { 0 }
    }

    fn can_start(&mut self) -> bool {
        let freed = self.freed();
        self.starts.possible(self.scene, self.name, self.wanted, freed, self.held, self.draft)
    }

    /// Makes it anew if that is allowed; otherwise reports it and returns false.
    fn recreate(&mut self, changes: &[Change]) -> bool {
        if allowed(self.scene, self.wanted) < Disruption::Recreate {
            let reason = WaitReason::RecreateRequired { changes: changes.to_vec() };
            let hint =
                "its own disk would be lost: allow it with --max-disruption recreate".to_owned();
            self.draft.report.add(self.id(), reason, Some(hint));
            return false;
        }
        if self.instance.protected {
            let hint = format!("remove {}", self.instance.dir.join("protected").display());
            self.draft.report.add(self.id(), WaitReason::Protected, Some(hint));
            return false;
        }
        let starts = self.wants_to_run() && self.can_start();
        // One that could not be made again, or would not run again, is not taken away.
        if !self.complete || (self.running() && self.wants_to_run() && !starts) {
            return true;
        }
        self.draft.changes.insert(self.id(), changes.to_vec());
        if self.running() {
            self.stop(Some("it is made anew".to_owned()), Cost::Recreate);
        }
        self.draft.push(Action::Park { object: self.id() }, Some(Cost::Recreate));
        push_creation(self.name, self.wanted, self.draft);
        if starts {
            self.starts.push(self.scene, self.name, &self.wanted.filled, self.draft);
        }
        true
    }

    fn stop(&mut self, why: Option<String>, cost: Cost) {
        let stop = Action::StopInstance { instance: self.name.clone(), mode: StopMode::Graceful };
        self.draft.push_because(stop, Some(cost), why);
    }

    fn update(&mut self, changes: &Changes, moved: Option<&Vec<ObjectId>>) {
        let allowed = allowed(self.scene, self.wanted);
        let withheld = changes.withheld(allowed);
        let template = withhold::keep(&self.wanted.spec.template, self.config, &withheld);
        let filled = withhold::keep(&self.wanted.filled, self.config, &withheld);
        let (stops, starts) = self.run_steps(changes, moved, allowed);
        let carried_out = changes.carried_out(stops && starts, &withheld);
        if stops {
            let why = moved.and_then(|under| under.first()).map(|id| format!("{id} changes"));
            self.stop(why, Cost::Restart);
        }
        if filled != *self.config {
            self.edit(&template, &filled, carried_out.clone(), stops);
        }
        if !carried_out.is_empty() {
            self.draft.changes.insert(self.id(), carried_out);
        }
        self.resize(&filled, stops);
        if starts {
            self.starts.push(self.scene, self.name, &filled, self.draft);
        } else if self.instance.phase == InstancePhase::Booting && !stops {
            self.draft.push(Action::AwaitReady { instance: self.name.clone() }, None);
        }
    }

    /// Whether it is stopped, and whether it is started (again).
    fn run_steps(
        &mut self,
        changes: &Changes,
        moved: Option<&Vec<ObjectId>>,
        allowed: Disruption,
    ) -> (bool, bool) {
        let wants_to_run = self.wants_to_run();
        if !self.running() {
            return (false, wants_to_run && self.can_start());
        }
        if !wants_to_run || self.instance.phase == InstancePhase::Stopping {
            return (true, wants_to_run && self.can_start());
        }
        if changes.restart.is_empty() && moved.is_none() {
            return (false, false);
        }
        if allowed < Disruption::Restart {
            let reason = WaitReason::RestartRequired { changes: changes.restart.clone() };
            let hint = format!(
                "allow it with --max-disruption restart, or `limekiln restart {}`",
                self.name
            );
            self.draft.report.add(self.id(), reason, Some(hint));
            return (false, false);
        }
        // A VM that could not come back is not stopped for a change.
        let restarts = self.can_start();
        (restarts, restarts)
    }

    fn edit(&mut self, template: &Lima, filled: &Lima, changes: Vec<Change>, stops: bool) {
        let cost = if stops { Cost::Restart } else { Cost::Live };
        let forwards =
            changes.iter().any(|change| change.path.starts_with("template.portForwards"));
        let edit = Action::EditInstance {
            instance: self.name.clone(),
            template: Box::new(template.clone()),
            filled: Box::new(filled.clone()),
            changes,
        };
        self.draft.push(edit, self.running().then_some(cost));
        if forwards && self.scene.capabilities.forwards && self.running() && !stops {
            self.draft.push(Action::Forward { instance: self.name.clone() }, Some(Cost::Live));
        }
    }

    fn resize(&mut self, filled: &Lima, stops: bool) {
        let (Some(from), Some(to)) = (self.instance.disk_bytes, filled.disk.map(|disk| disk.0))
        else {
            return;
        };
        let live = self.running() && !stops;
        if to <= from || (live && !self.scene.capabilities.live_disk_resize) {
            return;
        }
        let cost = self.running().then_some(if live { Cost::Live } else { Cost::Restart });
        let resize =
            Action::ResizeInstanceDisk { instance: self.name.clone(), from: Some(from), to, live };
        self.draft.push(resize, cost);
    }
}
