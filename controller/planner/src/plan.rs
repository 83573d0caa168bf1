//! The whole of planning.

use limekiln_model::{
    Action, Capabilities, Desired, Name, ObjectId, Observed, Plan, Policy, Report,
};

use crate::draft::Draft;
use crate::networks::Blocked;
use crate::scene::Scene;
use crate::{conflicts, depends, disks, instances, networks, order, parked, prune, subnets};

/// Plans the difference between what is desired and what was observed.
///
/// Returns the plan, which may be empty, and for each object that is not where it should be and
/// that the plan does not bring there, why.
pub fn plan(
    desired: &Desired,
    observed: &Observed,
    capabilities: &Capabilities,
    policy: &Policy,
) -> (Plan, Report) {
    let scene = Scene { desired, observed, capabilities, policy };
    let mut blocked = Blocked::new();
    loop {
        match attempt(&scene, &blocked) {
            Ok(draft) => return draft.finish(observed, &desired.revision),
            // At least one more network or disk each time, so this ends.
            Err(more) => blocked.extend(more),
        }
    }
}

/// One round through the stages; fails with what turns out not to be changeable.
fn attempt(scene: &Scene<'_>, blocked: &Blocked) -> Result<Draft, Blocked> {
    let mut draft = Draft::default();
    let mut held = conflicts::names(scene, &mut draft);
    let order = depends::order(scene, &mut held, &mut draft);
    subnets::check(scene, &mut held, &mut draft);
    networks::check(scene, &mut held, &mut draft);
    let moved = networks::plan(scene, &held, blocked, &mut draft);
    let moved = disks::plan(scene, &held, blocked, moved, &mut draft);
    conflicts::resources(scene, &mut held, &mut draft);
    instances::plan(scene, &order, &mut held, &moved, &mut draft);
    let stays = |name: &Name| {
        let stop = |action: &Action| matches!(action, Action::StopInstance { .. });
        draft.find(&ObjectId::instance(name), stop).is_none()
    };
    let more = moved.into_iter().filter(|(name, _)| stays(name));
    let more: Blocked =
        more.flat_map(|(name, ids)| ids.into_iter().map(move |id| (id, name.clone()))).collect();
    if !more.is_empty() {
        return Err(more);
    }
    prune::plan(scene, &mut draft);
    parked::tell(scene, &mut draft);
    networks::daemons(scene, &held, &mut draft);
    order::connect(scene, &mut draft);
    Ok(draft)
}
