//! What the manifests want of one object, to see whether they changed their mind.

use std::sync::Arc;

use limekiln_model::{Desired, Fingerprint, Kind, ObjectId, Wanted, fingerprint};
use serde::Serialize;

/// The fingerprint of what is wanted of an object; `None` if nothing is.
pub(super) fn want(desired: &Desired, id: &ObjectId) -> Option<Fingerprint> {
    if let Some(frozen) = desired.frozen.get(id) {
        return Some(fingerprint(frozen));
    }
    // Who suspends an object wants what is done to it to end, too.
    let suspended = desired.suspended.contains(id);
    match id.kind {
        Kind::Instance => print(desired.instances.get(&id.name).map(Arc::as_ref), suspended),
        Kind::Disk => print(desired.disks.get(&id.name), suspended),
        Kind::Network => print(desired.networks.get(&id.name), suspended),
    }
}

fn print<T: Serialize>(wanted: Option<&Wanted<T>>, suspended: bool) -> Option<Fingerprint> {
    wanted.map(|wanted| fingerprint(&(&wanted.spec, suspended)))
}
