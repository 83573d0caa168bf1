//! The state, and the way to each action's effect.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use limekiln_engine::EngineError;
use limekiln_model::{
    Action, Capabilities, Name, Observed, ObservedDisk, ObservedInstance, ObservedNetwork,
};

/// Everything that exists.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    /// What is observed.
    pub observed: Observed,
    /// Locations of images in the cache.
    pub cache: BTreeSet<String>,
    /// Virtual milliseconds.
    pub clock_ms: u64,
    pub(super) snapshots: BTreeMap<(Name, String), Kept>,
    pub(super) trash: BTreeMap<String, Contents>,
}

/// What a snapshot goes back to: the configuration, and the disk's size.
pub(super) type Kept = (Option<Arc<limekiln_api::Lima>>, Option<u64>);

/// A parked object.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Contents {
    Instance(Arc<ObservedInstance>),
    Disk(ObservedDisk),
    Network(ObservedNetwork),
}

impl World {
    /// A new generation.
    pub fn touch(&mut self) {
        self.observed.generation += 1;
    }

    /// Performs an action.
    ///
    /// # Errors
    /// Its precondition does not hold; nothing has changed.
    pub fn apply(
        &mut self,
        action: &Action,
        capabilities: &Capabilities,
    ) -> Result<(), EngineError> {
        let before = (self.observed.generation, self.clock_ms);
        self.touch();
        self.clock_ms += milliseconds(action);
        let done = self.change(action, capabilities);
        if done.is_err() {
            (self.observed.generation, self.clock_ms) = before;
        }
        done
    }

    /// Each looks at all that has to hold before it changes anything.
    fn change(&mut self, action: &Action, capabilities: &Capabilities) -> Result<(), EngineError> {
        match action {
            Action::FetchImage { filled, .. } => self.fetch(filled),
            Action::FetchContainerd { filled, .. } => self.fetch_containerd(filled),
            Action::CreateDisk { disk, spec } => self.create_disk(disk, spec),
            Action::ResizeDisk { disk, to, .. } => self.resize_disk(disk, *to, capabilities),
            Action::DefineNetwork { network, spec } => {
                self.define_network(network, spec, capabilities)
            }
            Action::StartNetwork { network } => self.start_network(network),
            Action::StopNetwork { network } => self.stop_network(network),
            Action::CreateInstance { instance, filled, .. } => {
                self.create_instance(instance, filled)
            }
            Action::EditInstance { instance, filled, .. } => {
                self.edit_instance(instance, filled, capabilities)
            }
            Action::ResizeInstanceDisk { instance, to, live, .. } => {
                self.resize_instance(instance, *to, *live, capabilities)
            }
            Action::StartDriver { instance } => self.start_driver(instance, capabilities),
            Action::AwaitReady { instance } => self.await_ready(instance),
            Action::Mount { instance, mount_point } => {
                self.mount(instance, mount_point, capabilities)
            }
            Action::AttachDisk { instance, disk } => self.attach_disk(instance, disk, capabilities),
            Action::DetachDisk { instance, disk } => self.detach_disk(instance, disk, capabilities),
            Action::TakeSnapshot { instance, tag } => self.take_snapshot(instance, tag),
            Action::Probe { instance } => self.up(instance).map(drop),
            Action::RestoreSnapshot { instance, tag } => self.restore_snapshot(instance, tag),
            Action::ForgetSnapshot { instance, tag } => {
                self.snapshots.remove(&(instance.clone(), tag.clone()));
                Ok(())
            }
            Action::Forward { instance } => self.forward(instance, capabilities),
            Action::StopInstance { instance, .. } => self.stop_instance(instance),
            Action::Park { object } => self.park(object),
            Action::Restore { object, key } => self.restore(object, key),
            Action::Purge { object, key } => self.purge(object, key.as_deref()),
            Action::Release { object } => self.release(object),
        }
    }

    /// Running instances whose configuration makes them users of what `uses` tells.
    pub(super) fn running_user(&self, uses: impl Fn(&limekiln_api::Lima) -> bool) -> Option<&Name> {
        let mut instances = self.observed.instances.iter();
        let user = instances.find(|(_, instance)| {
            let config = instance.runs_with();
            instance.phase.is_running() && config.is_some_and(&uses)
        });
        user.map(|(name, _)| name)
    }
}

/// A plausible time for each.
fn milliseconds(action: &Action) -> u64 {
    match action {
        Action::FetchImage { .. } | Action::FetchContainerd { .. } => 20_000,
        Action::AwaitReady { .. } => 5_000,
        Action::StopInstance { .. } => 2_000,
        _ => 100,
    }
}

/// A precondition that does not hold.
pub(super) fn refuse<T>(why: impl Into<String>) -> Result<T, EngineError> {
    Err(EngineError::precondition(why))
}
