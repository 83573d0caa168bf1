//! Whose an object becomes that somebody takes over beside a controller.

use std::sync::Arc;

use limekiln_model::{Desired, Kind, ObjectId, Origin};

use super::orders::OrderError;
use crate::outcome::Planned;

/// Gives what an order takes over to that source of the controller that describes it, too: its
/// manifest is what counts from then on, and its policy may deny it what came from elsewhere.
///
/// # Errors
/// The order's manifest is another one: the controller would undo it at once.
pub(super) fn for_the_controller(order: &mut Planned, kept: &Planned) -> Result<(), OrderError> {
    let observed = &order.observed;
    let is_taken_over = |id: &ObjectId| {
        order.policy.adopt && observed.exists(id) && !observed.owners.contains_key(id)
    };
    let taken_over: Vec<_> = order.desired.ids().filter(is_taken_over).collect();
    for object in taken_over {
        let origins = (kept.desired.origin(&object), order.desired.origin(&object));
        let (Some(origin), Some(other)) = origins else { continue };
        if origin.source == other.source {
            continue;
        }
        let origin = origin.clone();
        if !is_same(&order.desired, &kept.desired, &object) {
            return Err(OrderError::Kept { object, origin });
        }
        put(&mut order.desired, &object, origin);
    }
    Ok(())
}

/// Whether both want the same of the object.
fn is_same(one: &Desired, other: &Desired, id: &ObjectId) -> bool {
    let name = &id.name;
    match id.kind {
        Kind::Instance => {
            let spec = |desired: &Desired| Some(desired.instances.get(name)?.spec.clone());
            spec(one) == spec(other)
        }
        Kind::Disk => {
            let spec = |desired: &Desired| Some(desired.disks.get(name)?.spec.clone());
            spec(one) == spec(other)
        }
        Kind::Network => {
            let spec = |desired: &Desired| Some(desired.networks.get(name)?.spec.clone());
            spec(one) == spec(other)
        }
    }
}

fn put(desired: &mut Desired, id: &ObjectId, origin: Origin) {
    let place = match id.kind {
        Kind::Instance => {
            let wanted = desired.instances.get_mut(&id.name);
            wanted.map(|wanted| &mut Arc::make_mut(wanted).origin)
        }
        Kind::Disk => desired.disks.get_mut(&id.name).map(|wanted| &mut wanted.origin),
        Kind::Network => desired.networks.get_mut(&id.name).map(|wanted| &mut wanted.origin),
    };
    if let Some(place) = place {
        *place = origin;
    }
}
