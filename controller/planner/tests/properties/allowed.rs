//! What a plan may do without asking: stated from the manifests and the policy alone.

use limekiln_api::{Disruption, RunStrategy};
use limekiln_model::{Action, InstancePhase, ObjectId, Observed, Plan};
use limekiln_testkit::Scenario;

/// Panics if the plan takes more than it may.
pub fn check(scenario: &Scenario, plan: &Plan, observed: &Observed) {
    for step in &plan.steps {
        match &step.action {
            Action::StopInstance { instance, .. } => stop(scenario, &instance.clone(), observed),
            Action::Park { object } => park(scenario, object),
            _ => {}
        }
    }
    pruned(scenario, plan, observed);
}

fn disruption(scenario: &Scenario, id: &ObjectId) -> Option<Disruption> {
    let wanted = scenario.desired.instances.get(&id.name)?;
    let allowed = scenario.policy.max_disruption.unwrap_or(wanted.spec.spec.max_disruption);
    (id.kind == limekiln_model::Kind::Instance).then_some(allowed)
}

/// A running VM of a manifest is stopped because it is to be halted, or because it may be.
fn stop(scenario: &Scenario, name: &limekiln_model::Name, observed: &Observed) {
    let Some(wanted) = scenario.desired.instances.get(name) else { return };
    let phase = &observed.instances[name].phase;
    let ends = *phase == InstancePhase::Stopping;
    let halted = wanted.spec.spec.run_strategy == RunStrategy::Halted;
    let allowed = disruption(scenario, &ObjectId::instance(name)) >= Some(Disruption::Restart);
    assert!(ends || halted || allowed, "{name} may not be stopped");
}

/// What a manifest wants is parked only to be made anew, and only where that is allowed.
fn park(scenario: &Scenario, object: &ObjectId) {
    if scenario.desired.origin(object).is_some() {
        let allowed = disruption(scenario, object);
        assert_eq!(allowed, Some(Disruption::Recreate), "{object} may not be made anew");
    }
}

/// Nothing is pruned unasked, nor more than the budget, nor everything.
fn pruned(scenario: &Scenario, plan: &Plan, observed: &Observed) {
    let goes = |action: &Action| matches!(action, Action::Park { .. } | Action::Release { .. });
    let steps = plan.steps.iter().filter(|step| goes(&step.action));
    let gone = steps.filter(|step| !scenario.desired.mentions(&step.action.object())).count();
    let owned = observed.owners.len();
    let policy = &scenario.policy;
    assert!(gone == 0 || policy.prune, "pruned unasked");
    if !policy.prune_all {
        let budget = policy.prune_budget.unwrap_or((owned / 5).max(1));
        assert!(gone <= budget, "{gone} of {owned} pruned, {budget} allowed");
        assert!(gone == 0 || gone < owned, "everything pruned");
    }
}
