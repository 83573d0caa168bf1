//! Who owns what, as the reconciler keeps it, in memory.

use std::collections::BTreeMap;

use limekiln_api::DeletionPolicy;
use limekiln_model::{Action, Desired, Kind, ObjectId, Observed, Owner};

/// Owners by object. Written before an object is made, and forgotten after it is gone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    /// Who owns what exists.
    pub owners: BTreeMap<ObjectId, Owner>,
    parked: BTreeMap<ObjectId, Owner>,
}

impl Ledger {
    /// These are ours, and nothing is parked.
    pub fn with(owners: BTreeMap<ObjectId, Owner>) -> Self {
        Self { owners, parked: BTreeMap::new() }
    }

    /// Everything that exists is ours, from the tests' source.
    pub fn of_all(observed: &Observed) -> Self {
        let ids = observed.instances.keys().map(ObjectId::instance);
        let ids = ids
            .chain(observed.disks.keys().map(ObjectId::disk))
            .chain(observed.networks.keys().map(ObjectId::network));
        let owner =
            || Owner { origin: crate::wanted(()).origin, deletion_policy: DeletionPolicy::Delete };
        Self::with(ids.map(|id| (id, owner())).collect())
    }

    /// Takes over what the manifests want and nobody owns.
    pub fn adopt(&mut self, desired: &Desired, observed: &Observed) {
        for id in Self::of_all(observed).owners.into_keys() {
            if let Some(owner) = owner(desired, &id) {
                self.owners.entry(id).or_insert(owner);
            }
        }
    }

    /// Notes ownership before the action begins.
    pub fn before(&mut self, action: &Action, desired: &Desired) {
        let id = action.object();
        let makes = matches!(
            action,
            Action::CreateInstance { .. }
                | Action::EditInstance { .. }
                | Action::CreateDisk { .. }
                | Action::DefineNetwork { .. }
        );
        if let Some(owner) = owner(desired, &id).filter(|_| makes) {
            self.owners.insert(id, owner);
        }
    }

    /// Forgets, or remembers again, once the action is done.
    pub fn after(&mut self, action: &Action) {
        let id = action.object();
        match action {
            Action::Park { .. } => {
                if let Some(owner) = self.owners.remove(&id) {
                    self.parked.insert(id, owner);
                }
            }
            Action::Restore { .. } => {
                if let Some(owner) = self.parked.remove(&id) {
                    self.owners.insert(id, owner);
                }
            }
            Action::Purge { key: None, .. } | Action::Release { .. } => {
                self.owners.remove(&id);
            }
            _ => {}
        }
    }
}

fn owner(desired: &Desired, id: &ObjectId) -> Option<Owner> {
    let deletion_policy = match id.kind {
        Kind::Instance => desired.instances.get(&id.name)?.spec.spec.deletion_policy,
        Kind::Disk => desired.disks.get(&id.name)?.spec.deletion_policy,
        Kind::Network => DeletionPolicy::Delete,
    };
    Some(Owner { origin: desired.origin(id)?.clone(), deletion_policy })
}
