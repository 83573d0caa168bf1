//! An instance that exists.

use std::sync::Arc;

use limekiln_api::{DiskFormat, Disruption, Lima, RunStrategy};
use limekiln_model::{
    Action, Change, Cost, DesiredInstance, InstancePhase, Mounted, Name, ObjectId,
    ObservedInstance, SnapshotFirst, StopMode, WaitReason,
};

use super::change::{Changes, possible};
use super::plugging::Plugging;
use super::start::{push_forward, push_mounts, push_ready, push_start};
use super::{Stage, allowed, withhold};
use crate::diff::{mounts_are_live, refused_hint};
use crate::draft::Draft;
use crate::uses;

/// Decides the steps of an instance that exists. `complete` says that what it uses exists or is
/// made.
pub(super) fn plan(
    stage: &mut Stage<'_>,
    name: &Name,
    wanted: &DesiredInstance,
    instance: &ObservedInstance,
    complete: bool,
) {
    let Some(config) = &instance.config else {
        return report_broken(name, instance, stage.draft);
    };
    if let InstancePhase::Broken { why } = &instance.phase {
        return recover(stage, name, wanted, instance, why);
    }
    let changes = Changes::between(stage.scene, instance, config, &wanted.filled);
    if !changes.refused.is_empty() {
        let reason = WaitReason::Refused { changes: changes.refused.clone() };
        let hint = refused_hint(&changes.refused);
        stage.draft.report.add(ObjectId::instance(name), reason, hint);
    }
    let mut subject = Subject { stage, name, wanted, instance, config, complete };
    if !changes.recreate.is_empty() && subject.recreate(&changes.recreate) {
        return;
    }
    subject.update(&changes);
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
    stage: &mut Stage<'_>,
    name: &Name,
    wanted: &DesiredInstance,
    instance: &ObservedInstance,
    why: &str,
) {
    let why = Some(why.to_owned());
    let has = instance.runs_with().map_or(0, uses::memory);
    if wanted.spec.run_strategy == RunStrategy::Halted {
        let stop = Action::StopInstance { instance: name.clone(), mode: StopMode::Graceful };
        stage.draft.push_because(stop, None, why);
    } else if stage.can_recover(name, wanted, has) {
        let start = Action::StartDriver { instance: name.clone() };
        stage.draft.push_because(start, None, why);
        // A VM that lives has what it was booted with, and one that does not boots what is stored:
        // what else is wanted is the next pass' matter.
        let boots = instance.booted.as_ref().or(instance.config.as_ref());
        push_ready(stage.scene, name, boots.unwrap_or(&wanted.filled), stage.draft);
    }
}

struct Subject<'a, 'b> {
    stage: &'b mut Stage<'a>,
    name: &'b Name,
    wanted: &'b DesiredInstance,
    instance: &'b ObservedInstance,
    config: &'b Lima,
    complete: bool,
}

impl Subject<'_, '_> {
    fn id(&self) -> ObjectId {
        ObjectId::instance(self.name)
    }

    fn running(&self) -> bool {
        self.instance.phase.is_running()
    }

    fn wants_to_run(&self) -> bool {
        super::wants_to_run(self.stage.scene, self.name, self.wanted)
    }

    /// Memory that a stop gives back.
    fn freed(&self) -> u64 {
        let config = self.instance.booted.as_deref().unwrap_or(self.config);
        // One that a crash left stopped in mid-restart had it, and gets it again.
        let owed = self.stage.scene.observed.restarting.contains(self.name);
        if self.running() || owed { uses::memory(config) } else { 0 }
    }

    fn can_start(&mut self) -> bool {
        let freed = self.freed();
        self.stage.can_start(self.name, self.wanted, freed)
    }

    /// Makes it anew if that is allowed; otherwise reports it and returns false.
    fn recreate(&mut self, changes: &[Change]) -> bool {
        if allowed(self.stage.scene, self.wanted) < Disruption::Recreate {
            let reason = WaitReason::RecreateRequired { changes: changes.to_vec() };
            let hint =
                "its own disk would be lost: allow it with --max-disruption recreate".to_owned();
            self.stage.draft.report.add(self.id(), reason, Some(hint));
            return false;
        }
        if self.instance.protected {
            let hint = format!("remove {}", self.instance.dir.join("protected").display());
            self.stage.draft.report.add(self.id(), WaitReason::Protected, Some(hint));
            return false;
        }
        let starts = self.wants_to_run() && self.can_start();
        // One that could not be made again, or would not run again, is not taken away.
        if !self.complete || (self.running() && self.wants_to_run() && !starts) {
            return true;
        }
        self.stage.draft.changes.insert(self.id(), changes.to_vec());
        // First, so that an image that cannot be had takes nothing away.
        self.stage.push_fetch(self.name, self.wanted);
        if self.running() {
            self.stop(Some("it is made anew".to_owned()), Cost::Recreate);
        }
        self.stage.draft.push(Action::Park { object: self.id() }, Some(Cost::Recreate));
        self.stage.push_creation(self.name, self.wanted);
        if starts {
            push_start(self.stage.scene, self.name, &self.wanted.filled, self.stage.draft);
        }
        true
    }

    fn stop(&mut self, why: Option<String>, cost: Cost) {
        let stop = Action::StopInstance { instance: self.name.clone(), mode: StopMode::Graceful };
        self.stage.draft.push_because(stop, Some(cost), why);
    }

    fn update(&mut self, changes: &Changes) {
        let moved = self.stage.moved.get(self.name);
        let allowed = allowed(self.stage.scene, self.wanted);
        let withheld = changes.withheld();
        let template = withhold::keep(&self.wanted.spec.template, self.config, &withheld);
        let filled = withhold::keep(&self.wanted.filled, self.config, &withheld);
        // Most often it is one and the same, which is known without comparing all its fields.
        let edits = !std::ptr::eq(&*filled, self.config) && *filled != *self.config;
        let will_change = edits || !changes.restart.is_empty();
        if will_change && self.cannot_go_back(&filled) {
            return;
        }
        let (stops, starts) = self.run_steps(changes, moved, allowed);
        let carried_out = changes.carried_out(stops && starts, &withheld);
        // One that neither runs nor comes to run does not show whether it works.
        let safely = self.stage.scene.policy.snapshot_first.clone();
        let safely = safely.filter(|_| {
            (edits || !carried_out.is_empty()) && (starts || (self.running() && !stops))
        });
        // First, so that an archive that cannot be had stops nothing.
        if starts && !filled.usable_archives().eq(self.config.usable_archives()) {
            self.stage.push_fetch_containerd(self.name, &filled);
        }
        if stops {
            let why = moved.and_then(|under| under.first()).map(|id| format!("{id} changes"));
            self.stop(why, Cost::Restart);
        }
        if let Some(SnapshotFirst { tag, .. }) = safely.clone() {
            self.push(|instance| Action::TakeSnapshot { instance, tag });
        }
        // Steps that were stored and did not run are part of an edit once more.
        let unrun = !stops && carried_out.iter().any(Change::is_provision);
        if unrun || edits {
            self.edit(template, Arc::clone(&filled), carried_out.clone(), stops);
        }
        if !carried_out.is_empty() {
            self.stage.draft.changes.insert(self.id(), carried_out);
        }
        self.resize(&filled, stops);
        if starts {
            push_start(self.stage.scene, self.name, &filled, self.stage.draft);
        } else if !stops {
            self.finish_start(&filled);
            if safely.is_some() {
                self.push(|instance| Action::Probe { instance });
            }
        }
        if let Some(SnapshotFirst { tag, keep: false }) = safely {
            self.push(|instance| Action::ForgetSnapshot { instance, tag });
        }
    }

    fn push(&mut self, action: impl FnOnce(Name) -> Action) {
        self.stage.draft.push(action(self.name.clone()), None);
    }

    /// Whether a snapshot is to come first, and cannot: then nothing is begun.
    fn cannot_go_back(&mut self, filled: &Lima) -> bool {
        if self.stage.scene.policy.snapshot_first.is_none() {
            return false;
        }
        let disks = &self.stage.scene.observed.disks;
        let raw = |disk: &Name| disks.get(disk).is_some_and(|disk| disk.format == DiskFormat::Raw);
        let why = match uses::disks(self.config).chain(uses::disks(filled)).find(raw) {
            _ if self.instance.raw_disk => "its disk is raw".to_owned(),
            Some(disk) => format!("{} is raw", ObjectId::disk(&disk)),
            None => return false,
        };
        let why = format!("{why}, and keeps no snapshots");
        let hint =
            format!("apply it without --snapshot-first, after `limekiln clone {}`", self.name);
        self.stage.draft.report.add(self.id(), WaitReason::Host { why }, Some(hint));
        true
    }

    /// What is left of a start that this or another run began. The VM has the mounts that it was
    /// booted with, unless they come and go while it runs; forwards change live.
    fn finish_start(&mut self, filled: &Lima) {
        let booted = self.instance.booted.as_deref().unwrap_or(self.config);
        let live = mounts_are_live(booted, filled, self.stage.scene.capabilities);
        let wanted = if live { filled } else { booted };
        let in_place = self.unchanged_mounts(booted, wanted);
        let disks = Plugging::between(self.stage.scene.capabilities, self.instance, filled);
        let Stage { scene, draft, .. } = &mut *self.stage;
        match self.instance.phase {
            InstancePhase::Booting => {
                draft.push(Action::AwaitReady { instance: self.name.clone() }, None);
                disks.push(scene, self.name, draft);
                push_mounts(scene, self.name, wanted, &in_place, draft);
                push_forward(scene, self.name, filled, draft);
            }
            InstancePhase::Ready => {
                disks.push(scene, self.name, draft);
                push_mounts(scene, self.name, wanted, &in_place, draft);
            }
            InstancePhase::Degraded { .. } => disks.push(scene, self.name, draft),
            _ => {}
        }
    }

    /// Mounts that are in place, and with the settings that they are to have.
    fn unchanged_mounts(&self, booted: &Lima, wanted: &Lima) -> Vec<Mounted> {
        let settings = |lima: &Lima, mounted: &Mounted| {
            let all = lima.mounts.iter().flatten();
            let mut here = all.filter(|mount| mount.mount_point() == mounted.mount_point);
            here.next().cloned()
        };
        let mounts = self.instance.mounts.iter();
        let same = mounts.filter(|mount| settings(booted, mount) == settings(wanted, mount));
        same.cloned().collect()
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
            self.stage.draft.report.add(self.id(), reason, Some(hint));
            return (false, false);
        }
        // A VM that could not come back is not stopped for a change.
        let restarts = self.can_start();
        (restarts, restarts)
    }

    fn edit(&mut self, template: Arc<Lima>, filled: Arc<Lima>, changes: Vec<Change>, stops: bool) {
        let cost = if stops { Cost::Restart } else { Cost::Live };
        let forwards =
            changes.iter().any(|change| change.path.starts_with("template.portForwards"));
        let edit = Action::EditInstance { instance: self.name.clone(), template, filled, changes };
        self.stage.draft.push(edit, self.running().then_some(cost));
        let ready = self.instance.phase == InstancePhase::Ready;
        if forwards && self.stage.scene.capabilities.forwards && ready && !stops {
            self.stage
                .draft
                .push(Action::Forward { instance: self.name.clone() }, Some(Cost::Live));
        }
    }

    fn resize(&mut self, filled: &Lima, stops: bool) {
        let (Some(from), Some(to)) = (self.instance.disk_bytes, filled.disk.map(|disk| disk.0))
        else {
            return;
        };
        let live = self.running() && !stops;
        let can = possible(self.stage.scene.capabilities, self.instance, filled).live_disk_resize;
        // What the guest has made of an earlier growth, it has to try again.
        let left = live && self.instance.live_disks.fault(None).is_some();
        if to < from || (to == from && !left) || (live && !can) {
            return;
        }
        let cost = self.running().then_some(if live { Cost::Live } else { Cost::Restart });
        let resize =
            Action::ResizeInstanceDisk { instance: self.name.clone(), from: Some(from), to, live };
        self.stage.draft.push(resize, cost);
    }
}
