//! What the manifests want of one object, to see whether they changed their mind.

use limekiln_model::{Desired, Fingerprint, Kind, ObjectId, fingerprint};

/// The fingerprint of what is wanted of an object; `None` if nothing is.
pub(super) fn want(desired: &Desired, id: &ObjectId) -> Option<Fingerprint> {
    if let Some(frozen) = desired.frozen.get(id) {
        return Some(fingerprint(frozen));
    }
    match id.kind {
        Kind::Instance => desired.instances.get(&id.name).map(|wanted| fingerprint(&wanted.spec)),
        Kind::Disk => desired.disks.get(&id.name).map(|wanted| fingerprint(&wanted.spec)),
        Kind::Network => desired.networks.get(&id.name).map(|wanted| fingerprint(&wanted.spec)),
    }
}
