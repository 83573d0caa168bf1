//! What differs of an existing instance, and what that means now.

use std::collections::BTreeSet;

use limekiln_api::Lima;
use limekiln_api::mutant::{Mutant, is_on};
use limekiln_model::{Change, Cost, ObservedInstance};

use crate::diff;
use crate::scene::Scene;

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
        let ahead = booted
            .map(|booted| diff::templates(booted, filled, scene.capabilities))
            .unwrap_or_default();
        let ahead_paths: BTreeSet<_> = ahead.iter().map(|change| change.path.clone()).collect();
        let stored = diff::templates(config, filled, scene.capabilities);
        let stored_paths: BTreeSet<_> = stored.iter().map(|change| change.path.clone()).collect();
        for mut change in stored {
            refuse_below_disk(&mut change, instance, filled);
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
