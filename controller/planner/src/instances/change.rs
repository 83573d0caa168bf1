//! What differs of an existing instance, and what that means now.

use std::collections::BTreeSet;

use limekiln_api::Lima;
use limekiln_api::mutant::{Mutant, is_on};
use limekiln_model::{Capabilities, Change, Cost, Name, ObservedInstance};

use crate::scene::Scene;
use crate::{diff, uses};

/// The differences of one instance, sorted by what can be done about them.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Stored now, without a restart.
    pub(super) live: Vec<Change>,
    /// Stored now; the running VM has them after a restart.
    pub(super) restart: Vec<Change>,
    /// The instance would have to be made anew.
    pub(super) recreate: Vec<Change>,
    /// Never done.
    pub(super) refused: Vec<Change>,
}

impl Changes {
    /// Compares what is stored, and what the running VM was started with, with what is wanted.
    pub(super) fn between(
        scene: &Scene<'_>,
        instance: &ObservedInstance,
        config: &Lima,
        filled: &Lima,
    ) -> Self {
        let mut changes = Self::default();
        let running = instance.phase.is_running();
        let booted = instance.booted.as_deref().filter(|_| running);
        let capabilities = &possible(scene.capabilities, instance, filled);
        let ahead =
            booted.map(|booted| diff::templates(booted, filled, capabilities)).unwrap_or_default();
        let ahead_paths: BTreeSet<_> = ahead.iter().map(|change| change.path.clone()).collect();
        let stored = diff::templates(config, filled, capabilities);
        let stored_paths: BTreeSet<_> = stored.iter().map(|change| change.path.clone()).collect();
        for mut change in stored {
            refuse_below_disk(&mut change, instance, filled);
            explain(&mut change, scene.capabilities, instance, running);
            let vm_has_it = !running || (booted.is_some() && !ahead_paths.contains(&change.path));
            match change.cost {
                Cost::Refused => changes.refused.push(change),
                Cost::Recreate => changes.recreate.push(change),
                Cost::Restart if !vm_has_it => changes.restart.push(change),
                Cost::Restart => {
                    change.cost = Cost::Live;
                    change.note = None;
                    changes.live.push(change);
                }
                Cost::Live => changes.live.push(change),
            }
        }
        // Stored by a pass that did not come to run it.
        let unrun = ahead.iter().filter(|change| {
            change.cost == Cost::Live
                && change.is_provision()
                && !stored_paths.contains(&change.path)
        });
        changes.live.extend(unrun.cloned());
        // Stored by an earlier pass, or by hand, and not yet in the running VM.
        let pending = ahead
            .into_iter()
            .filter(|change| change.cost == Cost::Restart && !stored_paths.contains(&change.path));
        changes.restart.extend(pending.map(|change| Change {
            note: Some("stored; the running VM has it after a restart".to_owned()),
            ..change
        }));
        changes
    }

    /// The fields that must not be stored in an instance that is not made anew, whatever the
    /// reason: its configuration would claim what is not so, and nobody would see it again.
    pub(super) fn withheld(&self) -> BTreeSet<String> {
        if is_on(Mutant::Shrinks) {
            return BTreeSet::new();
        }
        let never = self.recreate.iter().chain(&self.refused);
        never.filter_map(|change| top_field(&change.path)).collect()
    }

    /// What the plan carries out.
    pub(super) fn carried_out(&self, restarts: bool, withheld: &BTreeSet<String>) -> Vec<Change> {
        let stored_only = |change: &&Change| {
            restarts
                || change.note.as_deref() != Some("stored; the running VM has it after a restart")
        };
        let kept = |change: &&Change| {
            !top_field(&change.path).is_some_and(|field| withheld.contains(&field))
        };
        self.restart.iter().filter(stored_only).chain(&self.live).filter(kept).cloned().collect()
    }
}

/// What the engine can do with this instance as it runs.
pub(super) fn possible(
    of_engine: &Capabilities,
    instance: &ObservedInstance,
    filled: &Lima,
) -> Capabilities {
    let mut capabilities = of_engine.clone();
    let disks = &instance.live_disks;
    let booted = instance.booted.as_deref();
    let has =
        |disk: &Name| booted.is_some_and(|booted| uses::disks(booted).any(|one| one == *disk));
    let new = uses::disks(filled).filter(|disk| !has(disk)).count();
    // One that goes makes room, but for a moment there are both.
    let room = disks.free.is_none_or(|free| new <= free);
    if instance.phase.is_running() {
        capabilities.live_disk_resize &= disks.fixed.is_none();
        capabilities.live_disks &= disks.fixed.is_none() && room && booted.is_some();
        // Another's host agent has no way to do it either.
        capabilities.live_provision &= disks.fixed.is_none() && booted.is_some();
    }
    capabilities
}

/// What the engine can do elsewhere, and not here; and what only a running VM does.
fn explain(
    change: &mut Change,
    of_engine: &Capabilities,
    instance: &ObservedInstance,
    running: bool,
) {
    if !running && change.is_provision() && change.cost == Cost::Live {
        // All of them run when it boots.
        change.note = None;
    }
    if !running || change.cost != Cost::Restart {
        return;
    }
    let disks = &instance.live_disks;
    if change.path == "template.disk" && of_engine.live_disk_resize {
        change.note.clone_from(&disks.fixed);
    }
    if diff::is_disk(&change.path) && of_engine.live_disks {
        let more = || match disks.free {
            Some(0) => "it has no room for another disk while it runs".to_owned(),
            Some(free) => format!("it has room for {free} more while it runs"),
            None => "how a disk that it has is formatted is looked at when it starts".to_owned(),
        };
        change.note = Some(disks.fixed.clone().unwrap_or_else(more));
    }
}

/// The configured size may be smaller than what the image brought along.
fn refuse_below_disk(change: &mut Change, instance: &ObservedInstance, filled: &Lima) {
    let has = instance.disk_bytes.unwrap_or_default();
    let smaller_config = change.cost == Cost::Refused;
    if change.path == "template.disk"
        && smaller_config
        && filled.disk.is_some_and(|disk| disk.0 >= has)
    {
        change.cost = Cost::Live;
        change.note = None;
    }
}

/// `cpus` of `template.cpus[0].x`.
fn top_field(path: &str) -> Option<String> {
    let rest = path.strip_prefix("template.")?;
    rest.split(['.', '[']).next().map(str::to_owned)
}
