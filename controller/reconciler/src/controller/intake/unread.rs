//! What is known of sources that could not be read yet.

use std::collections::BTreeSet;

use limekiln_api::mutant::{Mutant, is_on};
use limekiln_model::{Frozen, Kind};
use limekiln_sources::Snapshot;

use crate::{Claims, Loaded, ReconcileError, Reconciler};

/// Leaves alone what came from those of `sources` of which there is no snapshot: nothing could be
/// read of them since this began. Their manifests may speak of it still, so that another source must
/// not take it over meanwhile.
///
/// # Errors
/// If the ledger cannot be read.
pub(super) fn hold(
    loaded: &mut Loaded,
    mut sources: BTreeSet<String>,
    snapshots: &[Snapshot],
    reconciler: &Reconciler,
) -> Result<(), ReconcileError> {
    for snapshot in snapshots {
        sources.remove(&snapshot.source);
    }
    let unread = &sources;
    if !unread.is_empty() && !is_on(Mutant::TakesFromUnread) {
        hold_claimed(loaded, unread, &*reconciler.claims()?);
    }
    Ok(())
}

fn hold_claimed(loaded: &mut Loaded, unread: &BTreeSet<String>, claims: &Claims) {
    let desired = &mut loaded.desired;
    for (id, claim) in &claims.by_id {
        let origin = &claim.owner.origin;
        if !unread.contains(&origin.source) || !desired.mentions(id) {
            continue;
        }
        match id.kind {
            Kind::Instance => {
                desired.instances.remove(&id.name);
                desired.elsewhere.remove(&id.name);
            }
            Kind::Disk => drop(desired.disks.remove(&id.name)),
            Kind::Network => drop(desired.networks.remove(&id.name)),
        }
        let why = format!("it came from {}, which cannot be read", origin.source);
        desired.frozen.entry(id.clone()).or_insert(Frozen { why, origin: origin.clone() });
    }
}
