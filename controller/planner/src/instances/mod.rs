//! Instances: made, changed, started, stopped.

mod change;
mod existing;
mod start;
mod withhold;

use limekiln_api::{Disruption, RunStrategy};
use limekiln_model::{Action, Desired, DesiredInstance, InstancePhase, Name, ObjectId, WaitReason};

use crate::draft::Draft;
use crate::held::Held;
use crate::networks::Moved;
use crate::scene::Scene;
use crate::uses;
use start::Starts;
pub(crate) use start::push_start;

/// Decides the steps of every wanted instance, dependencies first.
pub(crate) fn plan(
    scene: &Scene<'_>,
    order: &[Name],
    held: &mut Held,
    moved: &Moved,
    draft: &mut Draft,
) {
    let mut starts = Starts::new(scene);
    for name in order {
        let (id, Some(wanted)) = (ObjectId::instance(name), scene.desired.instances.get(name))
        else {
            continue;
        };
        if held.holds(&id) {
            continue;
        }
        let wanted = &wanted.spec;
        let complete = nothing_is_missing(scene, name, wanted, held, draft);
        match scene.observed.instances.get(name) {
            None if complete => create(scene, name, wanted, held, &mut starts, draft),
            None => {}
            Some(instance) if instance.phase == InstancePhase::Creating && complete => {
                create(scene, name, wanted, held, &mut starts, draft);
            }
            Some(instance) => existing::plan(
                scene,
                name,
                wanted,
                instance,
                complete,
                held,
                moved,
                &mut starts,
                draft,
            ),
        }
    }
}

/// What may be done to the instance without asking.
pub(crate) fn allowed(scene: &Scene<'_>, wanted: &DesiredInstance) -> Disruption {
    scene.policy.max_disruption.unwrap_or(wanted.spec.max_disruption)
}

/// Whether a running instance may be stopped and started for something that it uses. One that no
/// manifest speaks of may not.
pub(crate) fn may_restart(scene: &Scene<'_>, name: &Name) -> bool {
    let Some(wanted) = scene.desired.instances.get(name) else { return false };
    let id = ObjectId::instance(name);
    let touchable =
        scene.is_ours(&id) && !scene.desired.frozen.contains_key(&id) && !wanted.spec.spec.suspend;
    let observed = scene.observed.instances.get(name).map(|instance| &instance.phase);
    let broken = matches!(observed, Some(InstancePhase::Broken { .. }));
    touchable && !broken && allowed(scene, &wanted.spec) >= Disruption::Restart
}

/// Whether disks and networks of the template exist or are wanted; reports those that do not.
fn nothing_is_missing(
    scene: &Scene<'_>,
    name: &Name,
    wanted: &DesiredInstance,
    held: &mut Held,
    draft: &mut Draft,
) -> bool {
    let mut complete = true;
    for used in uses::objects(&wanted.filled) {
        let creatable = in_desired(scene.desired, &used) && !held.holds(&used);
        if !creatable && !scene.exists(&used) {
            complete = false;
            held.hold_start(name);
            let hint =
                Some(format!("add a manifest of kind {} named {}", used.kind.camel(), used.name));
            draft.report.add(ObjectId::instance(name), WaitReason::Missing { object: used }, hint);
        }
    }
    complete
}

fn in_desired(desired: &Desired, id: &ObjectId) -> bool {
    desired.origin(id).is_some()
}

/// Makes an instance, or finishes one whose making was interrupted.
fn create(
    scene: &Scene<'_>,
    name: &Name,
    wanted: &DesiredInstance,
    held: &Held,
    starts: &mut Starts,
    draft: &mut Draft,
) {
    push_creation(name, wanted, draft);
    if wanted.spec.run_strategy == RunStrategy::Always
        && starts.possible(scene, name, wanted, 0, held, draft)
    {
        starts.push(scene, name, &wanted.filled, draft);
    }
}

fn push_creation(name: &Name, wanted: &DesiredInstance, draft: &mut Draft) {
    let filled = Box::new(wanted.filled.clone());
    draft.push(Action::FetchImage { instance: name.clone(), filled: filled.clone() }, None);
    let template = Box::new(wanted.spec.template.clone());
    draft.push(Action::CreateInstance { instance: name.clone(), template, filled }, None);
}
