//! Keeping claims in step with the manifests.

use std::collections::BTreeMap;

use limekiln_api::DeletionPolicy;
use limekiln_model::{Desired, Kind, ObjectId, Observed, Origin, Owner, Plan, fingerprint};

use super::{Claim, Claims, Ledger, LedgerError};
use crate::Planned;

/// Rewrites claims whose manifest has moved or changed its mind, or whose last run was cut short,
/// takes over what may be adopted, and gives up claims on objects that neither exist nor are
/// wanted.
///
/// The last of these matters: an object that somebody else makes later under that name is not
/// ours. An object is gone when it was missing `earlier`, too: one look may be out of date.
/// Claims that neither the plan nor a manifest speaks of are left: on a full disk, what is removed
/// must not wait for a note about something else. So are those of objects that are being worked
/// on, and those that somebody has written since they were read: by hand, an object of that name
/// may have been made.
pub(crate) fn follow(
    ledger: &Ledger,
    claims: &Claims,
    planned: &Planned,
    observed: &Observed,
    earlier: Option<&Observed>,
    busy: &dyn Fn(&ObjectId) -> bool,
) -> Result<(), LedgerError> {
    let Planned { plan, desired, policy, .. } = planned;
    let adopt = policy.adopt;
    let planned = |id: &ObjectId| desired.mentions(id) || plan.basis.observed.contains_key(id);
    let concerned = |id: &ObjectId| planned(id) && !busy(id);
    // Of thousands, most are as they should be: that is asked first.
    for claim in claims.by_id.values() {
        if let Some(followed) = followed(claim, desired, observed).filter(|_| concerned(&claim.id))
        {
            ledger.replace(Some(claim), &followed)?;
        }
    }
    let unclaimed = |id: &ObjectId| !claims.by_id.contains_key(id) && !busy(id);
    for id in adopt.then(|| desired.ids()).into_iter().flatten().filter(unclaimed) {
        if let Some(owner) = owner_in(desired, &id).filter(|_| observed.exists(&id)) {
            ledger.replace(None, &Claim::new(id, owner))?;
        }
    }
    for (id, claim) in &claims.by_id {
        if observed.exists(id) || earlier.is_none_or(|then| then.exists(id)) || busy(id) {
            continue;
        }
        let unwanted = !desired.mentions(id) || desired.is_elsewhere(id);
        if unwanted && desired.sources.contains(&claim.owner.origin.source) {
            ledger.forget_claim(claim)?;
        }
    }
    Ok(())
}

/// The claim as it is to be now, if that is another than it is.
fn followed(claim: &Claim, desired: &Desired, observed: &Observed) -> Option<Claim> {
    let owner = owner_of(desired, &claim.id);
    let moved = owner.is_some_and(|(origin, policy)| {
        claim.owner.origin != *origin || claim.owner.deletion_policy != policy
    });
    let instance =
        observed.instances.get(&claim.id.name).filter(|_| claim.id.kind == Kind::Instance);
    let runs = claim.restarting && instance.is_some_and(|instance| instance.phase.is_running());
    if !moved && !runs && claim.applying.is_none() {
        return None;
    }
    let mut claim = claim.clone();
    if let Some(owner) = owner_in(desired, &claim.id) {
        claim.owner = owner;
    }
    claim.restarting &= !runs;
    // A run was cut short: whether it got as far as storing is seen by what is stored.
    if let Some(applying) = claim.applying.take() {
        let config = instance.and_then(|instance| instance.config.as_ref());
        if config.is_some_and(|config| fingerprint(config) == applying) {
            claim.applied = Some(applying);
        }
    }
    Some(claim)
}

/// Whose objects will be.
pub(crate) type Owners = BTreeMap<ObjectId, Owner>;

/// Whose the objects will be that have steps.
pub(crate) fn owners_after(plan: &Plan, desired: &Desired) -> Owners {
    let ids = plan.steps.iter().map(|step| step.action.object());
    ids.filter_map(|id| owner_in(desired, &id).map(|owner| (id, owner))).collect()
}

/// Whose the object will be.
fn owner_in(desired: &Desired, id: &ObjectId) -> Option<Owner> {
    let (origin, deletion_policy) = owner_of(desired, id)?;
    Some(Owner { origin: origin.clone(), deletion_policy })
}

fn owner_of<'a>(desired: &'a Desired, id: &ObjectId) -> Option<(&'a Origin, DeletionPolicy)> {
    Some(match id.kind {
        Kind::Instance => {
            let wanted = desired.instances.get(&id.name)?;
            (&wanted.origin, wanted.spec.spec.deletion_policy)
        }
        Kind::Disk => {
            let wanted = desired.disks.get(&id.name)?;
            (&wanted.origin, wanted.spec.deletion_policy)
        }
        Kind::Network => (&desired.networks.get(&id.name)?.origin, DeletionPolicy::Delete),
    })
}
