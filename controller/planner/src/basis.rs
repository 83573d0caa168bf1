//! What a plan was made from, and whether that still holds.

use std::collections::BTreeSet;

use limekiln_model::{Basis, Fingerprint, Kind, ObjectId, Observed, Plan, fingerprint};

/// The basis of a plan with steps on these objects.
pub(crate) fn of<'a>(
    observed: &Observed,
    revision: &str,
    objects: impl Iterator<Item = &'a ObjectId>,
) -> Basis {
    let observed = objects.map(|id| (id.clone(), print_of(observed, id))).collect();
    Basis { revision: revision.to_owned(), observed }
}

/// Whether every object with a step still is as it was when the plan was made.
///
/// # Errors
/// The objects that have changed since.
pub fn basis_holds(plan: &Plan, observed: &Observed) -> Result<(), Vec<ObjectId>> {
    let objects: BTreeSet<_> = plan.steps.iter().map(|step| step.action.object()).collect();
    let was = |id: &ObjectId| plan.basis.observed.get(id);
    let moved: Vec<_> =
        objects.into_iter().filter(|id| was(id) != Some(&print_of(observed, id))).collect();
    if moved.is_empty() { Ok(()) } else { Err(moved) }
}

/// Only what plans depend on: the port and what the boot waits for may differ.
fn print_of(observed: &Observed, id: &ObjectId) -> Option<Fingerprint> {
    let parked: Vec<_> = observed
        .parked
        .iter()
        .filter(|parked| parked.id == *id)
        .map(|parked| &parked.key)
        .collect();
    let owned = observed.owners.contains_key(id);
    match id.kind {
        Kind::Instance => observed.instances.get(&id.name).map(|instance| {
            let running = instance.phase.word();
            fingerprint(&(
                running,
                &instance.config,
                &instance.booted,
                instance.disk_bytes,
                instance.protected,
                owned,
            ))
        }),
        Kind::Disk => observed.disks.get(&id.name).map(|disk| fingerprint(&(disk, owned))),
        Kind::Network => {
            observed.networks.get(&id.name).map(|network| fingerprint(&(network, owned)))
        }
    }
    .or_else(|| (!parked.is_empty()).then(|| fingerprint(&parked)))
}
