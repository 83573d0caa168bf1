//! `dependsOn`: what is depended on runs first and stops last.

use std::collections::BTreeMap;

use limekiln_api::{Dependency, DependencyCondition};
use limekiln_model::{Action, Desired, InstancePhase, Kind, Name, Observed, Plan, StepId};

use super::{Ancestors, Violation};

/// The steps of an instance that dependencies are about.
#[derive(Clone, Copy, Default)]
struct Run {
    stop: Option<StepId>,
    start: Option<StepId>,
    ready: Option<StepId>,
}

/// Starts that do not wait for what they depend on, and stops that do not wait for dependents.
pub(super) fn check(
    plan: &Plan,
    desired: &Desired,
    observed: &Observed,
    before: &Ancestors,
) -> Vec<Violation> {
    let runs = runs(plan);
    let mut found = Vec::new();
    for (name, wanted) in &desired.instances {
        let Some(dependent) = runs.get(name) else { continue };
        for dependency in wanted.spec.spec.depends_on.iter().filter(|on| on.kind == Kind::Instance)
        {
            let on = runs.get(&dependency.name).copied().unwrap_or_default();
            let comes = comes(dependency, on);
            if let Some(start) = dependent.start {
                match comes {
                    Some(comes) if before[start.0].contains(&comes) => {}
                    Some(comes) => found.push(late(comes, start)),
                    None if on.stop.is_none() && is_met(dependency, observed) => {}
                    // What half lives was started before, and gets the other half again.
                    None if half_lives(name, observed) => {}
                    None => {
                        let why = "what it depends on does not run";
                        found.push(Violation::Precondition(start, why));
                    }
                }
            }
            if let (Some(first), Some(then)) = (dependent.stop, on.stop)
                && !before[then.0].contains(&first)
            {
                found.push(late(first, then));
            }
        }
    }
    found
}

fn late(first: StepId, then: StepId) -> Violation {
    Violation::Sharing(first, then, "one depends on the other")
}

/// The step that brings a dependency to where it has to be.
fn comes(dependency: &Dependency, on: Run) -> Option<StepId> {
    match dependency.condition {
        DependencyCondition::Ready => on.ready,
        DependencyCondition::Running => on.start,
    }
}

fn half_lives(name: &Name, observed: &Observed) -> bool {
    let phase = observed.instances.get(name).map(|instance| &instance.phase);
    phase.is_some_and(InstancePhase::is_broken)
}

fn is_met(dependency: &Dependency, observed: &Observed) -> bool {
    let phase = observed.instances.get(&dependency.name).map(|instance| &instance.phase);
    match dependency.condition {
        DependencyCondition::Ready => phase == Some(&InstancePhase::Ready),
        DependencyCondition::Running => phase.is_some_and(InstancePhase::is_running),
    }
}

fn runs(plan: &Plan) -> BTreeMap<Name, Run> {
    let mut runs: BTreeMap<Name, Run> = BTreeMap::new();
    for (number, step) in plan.iter() {
        let slot: fn(&mut Run) -> &mut Option<StepId> = match &step.action {
            Action::StopInstance { .. } => |run| &mut run.stop,
            Action::StartDriver { .. } => |run| &mut run.start,
            Action::AwaitReady { .. } => |run| &mut run.ready,
            _ => continue,
        };
        *slot(runs.entry(step.action.object().name).or_default()) = Some(number);
    }
    runs
}
