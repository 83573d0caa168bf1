//! The whole of planning.

use limekiln_model::{Capabilities, Desired, Observed, Plan, Policy, Report};

use crate::draft::Draft;
use crate::scene::Scene;
use crate::{conflicts, depends, disks, instances, networks, order, prune};

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
    let mut draft = Draft::default();
    let mut held = conflicts::names(&scene, &mut draft);
    let order = depends::order(&scene, &mut held, &mut draft);
    let moved = networks::plan(&scene, &held, &mut draft);
    let moved = disks::plan(&scene, &held, moved, &mut draft);
    conflicts::resources(&scene, &mut held, &mut draft);
    instances::plan(&scene, &order, &mut held, &moved, &mut draft);
    networks::daemons(&scene, &held, &mut draft);
    prune::plan(&scene, &mut draft);
    order::connect(&scene, &mut draft);
    draft.finish(observed, &desired.revision)
}
