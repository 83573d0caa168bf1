//! What a plan may do without asking: stated from the manifests and the policy alone.

use std::collections::{BTreeMap, BTreeSet};

use limekiln_api::{Disruption, Lima, RunStrategy};
use limekiln_model::{Action, InstancePhase, Name, ObjectId, Observed, Plan};
use limekiln_testkit::Scenario;

/// Panics if the plan takes more than it may.
pub fn check(scenario: &Scenario, plan: &Plan, observed: &Observed) {
    for step in &plan.steps {
        match &step.action {
            Action::StopInstance { instance, .. } => stop(scenario, instance, observed),
            Action::Park { object } => park(scenario, object),
            Action::StartDriver { instance } => port_is_free(scenario, instance, observed),
            _ => {}
        }
    }
    pruned(scenario, plan, observed);
    fits(scenario, plan, observed);
}

fn disruption(scenario: &Scenario, id: &ObjectId) -> Option<Disruption> {
    let wanted = scenario.desired.instances.get(&id.name)?;
    let allowed = scenario.policy.max_disruption.unwrap_or(wanted.spec.spec.max_disruption);
    (id.kind == limekiln_model::Kind::Instance).then_some(allowed)
}

/// A running VM of a manifest is stopped because it is to be halted, or because it may be.
fn stop(scenario: &Scenario, name: &Name, observed: &Observed) {
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
    let objects = steps.map(|step| step.action.object());
    let gone: Vec<_> = objects.filter(|object| !scenario.desired.mentions(object)).collect();
    let policy = &scenario.policy;
    assert!(gone.is_empty() || policy.prune, "pruned unasked");
    let source_of = |object: &ObjectId| observed.owners.get(object).map(|it| &it.origin.source);
    let sources: BTreeSet<_> = gone.iter().map(source_of).collect();
    for source in sources.into_iter().flatten() {
        let gone = gone.iter().filter(|object| source_of(object) == Some(source)).count();
        let owned = observed.owners.values().filter(|it| it.origin.source == *source).count();
        let own = policy.prune_budgets.get(source).copied();
        if own != Some(0) && policy.prunes_all_of(source) {
            continue;
        }
        let budget = own.unwrap_or((owned / 5).max(1));
        assert!(gone <= budget, "{gone} of {owned} pruned, {budget} allowed");
        assert!(gone == 0 || gone < owned, "everything pruned");
    }
}

/// What runs when the plan is done fits into the host, or is no more than ran before. Half-running
/// VMs are left out: nobody knows what they take.
fn fits(scenario: &Scenario, plan: &Plan, observed: &Observed) {
    let bytes = |lima: &Lima| lima.memory.map_or(0, |memory| memory.0);
    let mut now: BTreeMap<&Name, u64> = BTreeMap::new();
    for (name, instance) in &observed.instances {
        let config = instance.runs_with();
        let runs = instance.phase.is_running();
        now.extend(config.filter(|_| runs).map(|config| (name, bytes(config))));
    }
    // What a crash left stopped in mid-restart ran before, too.
    let owed = observed.restarting.iter().filter(|name| !now.contains_key(name));
    let owed = owed.filter_map(|name| observed.instances.get(name)?.config.as_deref());
    let before = now.values().sum::<u64>() + owed.map(bytes).sum::<u64>();
    let mut stored: BTreeMap<&Name, u64> = BTreeMap::new();
    for step in &plan.steps {
        match &step.action {
            Action::StopInstance { instance, .. } => drop(now.remove(instance)),
            Action::CreateInstance { instance, filled, .. }
            | Action::EditInstance { instance, filled, .. } => {
                stored.insert(instance, bytes(filled));
            }
            Action::StartDriver { instance } => {
                let there = observed.instances.get(instance);
                if there.is_some_and(|there| matches!(there.phase, InstancePhase::Broken { .. })) {
                    continue;
                }
                let config = there.and_then(|there| there.config.as_deref()).map(bytes);
                let needs = stored.get(instance).copied().or(config);
                now.insert(instance, needs.expect("a started instance has a configuration"));
            }
            _ => {}
        }
    }
    let (after, host) = (now.values().sum::<u64>(), scenario.host.facts.memory);
    assert!(after <= host.max(before), "{after} bytes of memory in use, {host} there");
}

/// No VM is started on a port that something else listens on.
fn port_is_free(scenario: &Scenario, name: &Name, observed: &Observed) {
    let Some(wanted) = scenario.desired.instances.get(name) else { return };
    let port = wanted.spec.filled.ssh.as_ref().and_then(|ssh| ssh.local_port);
    let port = port.and_then(|port| u16::try_from(port.0).ok());
    let there = observed.instances.get(name);
    // Its VM has it.
    if there.is_some_and(|there| matches!(there.phase, InstancePhase::Broken { .. })) {
        return;
    }
    let own = there.and_then(|instance| instance.ssh_port);
    let taken = port.is_some_and(|port| scenario.host.taken_ports.contains(&port));
    assert!(!taken || own == port, "{name} is started on a port that is taken");
}
