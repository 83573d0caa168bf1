//! Disks that a running instance gets or gives back.

use limekiln_api::Lima;
use limekiln_model::{Action, Capabilities, Cost, Name, ObjectId, ObservedInstance};

use super::change::possible;
use crate::draft::Draft;
use crate::scene::Scene;
use crate::uses;

/// Disks that a running instance gets or gives back, without a restart.
#[derive(Debug, Default)]
pub(super) struct Plugging {
    out: Vec<Name>,
    into: Vec<Name>,
}

impl Plugging {
    /// Compares what the VM has with what it is to have.
    pub(super) fn between(
        of_engine: &Capabilities,
        instance: &ObservedInstance,
        wanted: &Lima,
    ) -> Self {
        let booted = instance.booted.as_deref();
        let Some(booted) = booted.filter(|_| possible(of_engine, instance, wanted).live_disks)
        else {
            return Self::default();
        };
        let (has, wants): (Vec<_>, Vec<_>) =
            (uses::disks(booted).collect(), uses::disks(wanted).collect());
        let out = has.iter().filter(|disk| !wants.contains(disk)).cloned().collect();
        // One that is plugged in and not mounted is tried again; one that has not grown is another
        // matter, and trying this again does no harm.
        let failed = |disk: &Name| instance.live_disks.fault(Some(disk.as_str())).is_some();
        let into = wants.into_iter().filter(|disk| !has.contains(disk) || failed(disk)).collect();
        Self { out, into }
    }

    /// Adds the steps. A disk that does not exist yet, or that another VM keeps, is for another
    /// pass.
    pub(super) fn push(self, scene: &Scene<'_>, name: &Name, draft: &mut Draft) {
        for disk in self.out {
            draft.push(Action::DetachDisk { instance: name.clone(), disk }, Some(Cost::Live));
        }
        for disk in self.into {
            if is_to_be_had(scene, name, &disk, draft) {
                draft.push(Action::AttachDisk { instance: name.clone(), disk }, Some(Cost::Live));
            }
        }
    }
}

fn is_to_be_had(scene: &Scene<'_>, name: &Name, disk: &Name, draft: &Draft) -> bool {
    let id = ObjectId::disk(disk);
    let exists = scene.exists(&id) || draft.last(&id).is_some();
    let user = scene.observed.disks.get(disk).and_then(|disk| disk.in_use_by.as_ref());
    let let_go = |user: &Name| {
        let goes = |action: &Action| match action {
            Action::StopInstance { .. } => true,
            Action::DetachDisk { disk: other, .. } => other == disk,
            _ => false,
        };
        draft.find(&ObjectId::instance(user), goes).is_some()
    };
    exists && user.is_none_or(|user| user == name || let_go(user))
}
