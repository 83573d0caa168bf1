//! What the manifests want of one object, to see whether they changed their mind.

use std::collections::BTreeMap;
use std::sync::Arc;

use limekiln_model::{
    Desired, DesiredInstance, Fingerprint, Kind, Name, ObjectId, Wanted, fingerprint,
};
use serde::Serialize;

/// Fingerprints of what is wanted.
#[derive(Default)]
pub(super) struct Wants {
    /// Of instances that were asked for. As long as it is one and the same that is wanted, its
    /// fingerprint is, too; it is held, so that no other can come to its place.
    known: BTreeMap<Name, (Arc<Wanted<DesiredInstance>>, bool, Fingerprint)>,
}

impl Wants {
    /// The fingerprint of what is wanted of an object; `None` if nothing is. That it is left alone is
    /// wanted, too: a prune of what is in no manifest ends when it is suspended.
    pub(super) fn of(&mut self, desired: &Desired, id: &ObjectId) -> Option<Fingerprint> {
        if let Some(frozen) = desired.frozen.get(id) {
            return Some(fingerprint(frozen));
        }
        // Who suspends an object wants what is done to it to end, too.
        let suspended = desired.suspended.contains(id);
        let wanted = match id.kind {
            Kind::Instance => self.instance(desired, &id.name, suspended),
            Kind::Disk => print(desired.disks.get(&id.name), suspended),
            Kind::Network => print(desired.networks.get(&id.name), suspended),
        };
        wanted.or_else(|| suspended.then(|| fingerprint(&"suspended")))
    }

    fn instance(&mut self, desired: &Desired, name: &Name, suspended: bool) -> Option<Fingerprint> {
        let Some(wanted) = desired.instances.get(name) else {
            self.known.remove(name);
            return None;
        };
        if let Some((known, was, print)) = self.known.get(name)
            && Arc::ptr_eq(known, wanted)
            && *was == suspended
        {
            return Some(print.clone());
        }
        let print = print(Some(wanted), suspended)?;
        self.known.insert(name.clone(), (Arc::clone(wanted), suspended, print.clone()));
        Some(print)
    }
}

fn print<T: Serialize>(wanted: Option<&Wanted<T>>, suspended: bool) -> Option<Fingerprint> {
    wanted.map(|wanted| fingerprint(&(&wanted.spec, suspended)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_manifest_wants_is_superseded_when_it_is_suspended_and_when_it_is_resumed() {
        let mut desired = Desired::default();
        for id in ["instance/web", "disk/data", "network/team"] {
            let id: ObjectId = id.parse().expect("an id");
            let mut wants = Wants::default();
            assert_eq!(wants.of(&desired, &id), None);
            desired.suspended.insert(id.clone());
            let suspended = wants.of(&desired, &id);
            assert!(suspended.is_some(), "{id}");
            assert_eq!(wants.of(&desired, &id), suspended, "it stays so");
            desired.suspended.remove(&id);
            assert_eq!(wants.of(&desired, &id), None);
        }
    }
}
