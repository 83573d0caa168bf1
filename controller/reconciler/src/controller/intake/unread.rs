//! What is known of sources that could not be read yet.

use std::collections::BTreeSet;

use limekiln_api::mutant::{Mutant, is_on};
use limekiln_model::{Frozen, Kind};
use limekiln_sources::Snapshot;

use crate::{Claims, Loaded, ReconcileError, Reconciler};

/// Sources of which nothing could be read since this began.
pub(super) struct Unread {
    sources: BTreeSet<String>,
    /// All others, if it is not known either which some are: where a path leads to is part of what
    /// could not be read.
    but: Option<BTreeSet<String>>,
}

impl Unread {
    /// Those of all sources of which there is no snapshot.
    pub(super) fn of(mut all: BTreeSet<String>, snapshots: &[Snapshot]) -> Self {
        for snapshot in snapshots {
            all.remove(&snapshot.source);
        }
        Self { sources: all, but: None }
    }

    /// The same, where more than these sources there are nobody knows which.
    pub(super) fn and_unknown(all: BTreeSet<String>, snapshots: &[Snapshot]) -> Self {
        Self { but: Some(all.clone()), ..Self::of(all, snapshots) }
    }

    fn is_empty(&self) -> bool {
        self.sources.is_empty() && self.but.is_none()
    }

    fn has(&self, source: &str) -> bool {
        let unknown = self.but.as_ref().is_some_and(|known| !known.contains(source));
        self.sources.contains(source) || unknown
    }
}

/// Leaves alone what came from sources that are unread. Their manifests may speak of it still, so
/// that another source must not take it over meanwhile.
///
/// # Errors
/// If the ledger cannot be read.
pub(super) fn hold(
    loaded: &mut Loaded,
    unread: &Unread,
    reconciler: &Reconciler,
) -> Result<(), ReconcileError> {
    if !unread.is_empty() && !is_on(Mutant::TakesFromUnread) {
        hold_claimed(loaded, unread, &*reconciler.claims()?);
    }
    Ok(())
}

/// Leaves alone all that came from sources of which what was in force cannot be trusted any more.
///
/// # Errors
/// If the ledger cannot be read.
pub(super) fn hold_all(
    loaded: &mut Loaded,
    fallen: &BTreeSet<String>,
    reconciler: &Reconciler,
) -> Result<(), ReconcileError> {
    if fallen.is_empty() {
        return Ok(());
    }
    for (id, claim) in &reconciler.claims()?.by_id {
        let origin = &claim.owner.origin;
        if fallen.contains(&origin.source) {
            let why = format!("the commit of {} in force is not trusted now", origin.source);
            let frozen = Frozen { why, origin: origin.clone() };
            loaded.desired.frozen.entry(id.clone()).or_insert(frozen);
        }
    }
    Ok(())
}

fn hold_claimed(loaded: &mut Loaded, unread: &Unread, claims: &Claims) {
    let desired = &mut loaded.desired;
    for (id, claim) in &claims.by_id {
        let origin = &claim.owner.origin;
        if !unread.has(&origin.source) || !desired.mentions(id) {
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
