//! The world as a plan goes along.

use std::collections::{BTreeMap, BTreeSet};

use limekiln_api::NetworkSpec;
use limekiln_model::{Action, InstancePhase, NetworkPhase, ObjectId, Observed, StepId};

use super::Violation;

/// What exists and runs as the plan goes along, in the plan's own order.
#[derive(Default)]
pub(super) struct States {
    exists: BTreeSet<ObjectId>,
    running: BTreeSet<ObjectId>,
    half: BTreeSet<ObjectId>,
    /// Not made whole: may be made or taken away, and nothing else.
    begun: BTreeSet<ObjectId>,
    /// Taken away by the plan.
    gone: BTreeSet<ObjectId>,
    /// Networks whose daemons read anew what can change while they run.
    networks: BTreeMap<ObjectId, NetworkSpec>,
}

impl States {
    pub(super) fn of(observed: &Observed) -> Self {
        let mut states = Self::default();
        for (name, instance) in &observed.instances {
            let id = ObjectId::instance(name);
            match instance.phase {
                InstancePhase::Creating => {
                    states.begun.insert(id);
                    continue;
                }
                InstancePhase::Broken { .. } => drop(states.half.insert(id.clone())),
                _ if instance.phase.is_running() => drop(states.running.insert(id.clone())),
                _ => {}
            }
            states.exists.insert(id);
        }
        states.exists.extend(observed.disks.keys().map(ObjectId::disk));
        for (name, network) in &observed.networks {
            if !network.foreign {
                states.networks.insert(ObjectId::network(name), network.spec.clone());
            }
            states.exists.insert(ObjectId::network(name));
            if network.phase == NetworkPhase::Running {
                states.running.insert(ObjectId::network(name));
            }
        }
        states
    }

    pub(super) fn runs(&self, id: &ObjectId) -> bool {
        self.running.contains(id) || self.half.contains(id)
    }

    /// Notes what the action does; returns what stands against it.
    pub(super) fn apply(&mut self, number: StepId, action: &Action) -> Option<Violation> {
        let id = action.object();
        let needs = |holds: bool, why| (!holds).then_some(Violation::Precondition(number, why));
        let (exists, runs) = (self.exists.contains(&id), self.runs(&id));
        match action {
            Action::Release { .. } => None,
            Action::FetchImage { .. } | Action::FetchContainerd { .. } => {
                needs(!self.gone.contains(&id), "the old one is gone, and this may fail")
            }
            Action::DefineNetwork { spec, .. } => {
                let there = self.networks.get(&id);
                let live = there.is_some_and(|there| spec.is_live_change_of(there));
                self.exists.insert(id);
                needs(!runs || live, "the daemon runs")
            }
            Action::CreateDisk { .. } | Action::CreateInstance { .. } | Action::Restore { .. } => {
                self.exists.insert(id);
                needs(!exists, "it exists")
            }
            Action::StartNetwork { .. } => {
                self.running.insert(id);
                needs(exists && !runs, "the daemon runs or is not defined")
            }
            Action::StartDriver { .. } => {
                let running = self.running.contains(&id);
                self.half.remove(&id);
                self.running.insert(id);
                needs(exists && !running, "it runs or does not exist")
            }
            Action::AwaitReady { .. }
            | Action::Mount { .. }
            | Action::AttachDisk { .. }
            | Action::DetachDisk { .. }
            | Action::Probe { .. }
            | Action::Forward { .. } => needs(runs, "it does not run"),
            Action::StopNetwork { .. } | Action::StopInstance { .. } => {
                self.running.remove(&id);
                self.half.remove(&id);
                needs(runs, "it does not run")
            }
            Action::ResizeInstanceDisk { live, .. } => {
                needs(exists && *live == runs, "it runs, or is to be resized live and does not")
            }
            Action::RestoreSnapshot { .. } => needs(exists && !runs, "it runs or does not exist"),
            Action::EditInstance { .. }
            | Action::ResizeDisk { .. }
            | Action::TakeSnapshot { .. }
            | Action::ForgetSnapshot { .. } => needs(exists, "it does not exist"),
            Action::Park { .. } => {
                let begun = self.begun.remove(&id);
                self.exists.remove(&id);
                self.gone.insert(id);
                needs(exists || begun, "it does not exist")
            }
            Action::Purge { key, .. } => {
                let needed = exists || key.is_some() || self.begun.contains(&id);
                if key.is_none() {
                    self.exists.remove(&id);
                }
                needs(needed, "it does not exist")
            }
        }
    }
}
