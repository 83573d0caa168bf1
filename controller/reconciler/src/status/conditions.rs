//! Conditions, computed from what was seen and planned.

use std::sync::Arc;

use limekiln_api::{Condition, ConditionStatus, Lima, Status};
use limekiln_model::{
    Capabilities, Fingerprint, InstancePhase, Kind, NetworkPhase, ObjectId, Observed,
    ObservedInstance, Plan, Report, WaitReason, Waiting,
};
use limekiln_planner::diff;

use ConditionStatus::{False, True, Unknown};

use super::Prints;
use super::reason::{paths, phrase, word};
use crate::{Attempt, Claim};

/// Phase, SSH port and conditions of an object, the times left open.
///
/// `planned` is the plan and the report of the manifests, when there are any to compare with;
/// `claim` is the ledger's, and `prints` what was found out before.
pub fn status(
    id: &ObjectId,
    observed: &Observed,
    planned: Option<(&Plan, &Report)>,
    claim: Option<&Claim>,
    prints: &Prints,
) -> Status {
    let instance = observed.instances.get(&id.name).filter(|_| id.kind == Kind::Instance);
    let phase = match id.kind {
        Kind::Instance => instance.map(|instance| instance.phase.word().to_owned()),
        Kind::Disk => observed.disks.get(&id.name).map(|disk| {
            if disk.in_use_by.is_some() { "InUse".to_owned() } else { "Available".to_owned() }
        }),
        Kind::Network => {
            observed.networks.get(&id.name).map(|network| network.phase.word().to_owned())
        }
    };
    Status {
        ssh_local_port: instance.and_then(|instance| instance.ssh_port),
        conditions: conditions(id, observed, planned, claim, prints),
        phase,
        observed_revision: None,
    }
}

/// The conditions of an object: `Ready` always; `Reconciling` and `Stalled` where there are
/// manifests; `RestartRequired` and `Drifted` for instances.
pub fn conditions(
    id: &ObjectId,
    observed: &Observed,
    planned: Option<(&Plan, &Report)>,
    claim: Option<&Claim>,
    prints: &Prints,
) -> Vec<Condition> {
    let mut all = vec![ready(id, observed)];
    let waiting = planned.map(|(_, report)| report.waiting.get(id).map_or(&[][..], Vec::as_slice));
    if let (Some((plan, _)), Some(waiting)) = (planned, waiting) {
        all.push(reconciling(id, plan));
        all.push(stalled(waiting));
    }
    if let (Kind::Instance, Some(instance)) = (id.kind, observed.instances.get(&id.name)) {
        all.push(restart_required(instance, waiting.unwrap_or_default()));
        let print = |config: &Arc<Lima>| prints.of(&id.name, config);
        all.push(drifted(instance, claim, print));
    }
    all
}

fn condition(
    type_: &str,
    status: ConditionStatus,
    reason: &str,
    message: impl Into<String>,
) -> Condition {
    Condition {
        type_: type_.to_owned(),
        status,
        reason: reason.to_owned(),
        message: message.into(),
        last_transition_time: None,
    }
}

fn ready(id: &ObjectId, observed: &Observed) -> Condition {
    let missing = || condition("Ready", False, "Missing", format!("{id} does not exist"));
    match id.kind {
        Kind::Instance => observed
            .instances
            .get(&id.name)
            .map_or_else(missing, |instance| instance_ready(instance)),
        Kind::Disk => observed.disks.get(&id.name).map_or_else(missing, |disk| {
            let user = disk.in_use_by.as_ref().map(|user| format!("in use by instance/{user}"));
            condition("Ready", True, "Exists", user.unwrap_or_else(|| "in use by nobody".into()))
        }),
        Kind::Network => {
            observed.networks.get(&id.name).map_or_else(missing, |network| match network.phase {
                NetworkPhase::Running => condition("Ready", True, "Running", "its daemon serves"),
                NetworkPhase::Hosted => {
                    condition("Ready", True, "Hosted", "an interface of the host carries it")
                }
                NetworkPhase::Stopped => condition("Ready", False, "Stopped", "no daemon runs"),
            })
        }
    }
}

fn instance_ready(instance: &ObservedInstance) -> Condition {
    let word = instance.phase.word();
    let (status, message) = match &instance.phase {
        InstancePhase::Ready => (True, "booted, and its probes passed".to_owned()),
        InstancePhase::Booting => {
            (False, instance.waiting_for.clone().unwrap_or_else(|| "boots".to_owned()))
        }
        InstancePhase::Degraded { errors } => (False, errors.join("; ")),
        InstancePhase::Broken { why } => (False, why.clone()),
        InstancePhase::Creating => (False, "its creation did not finish".to_owned()),
        InstancePhase::Stopped => (False, "does not run".to_owned()),
        InstancePhase::Stopping => (False, "is being stopped".to_owned()),
    };
    condition("Ready", status, word, message)
}

fn reconciling(id: &ObjectId, plan: &Plan) -> Condition {
    let verbs: Vec<_> = plan
        .steps
        .iter()
        .filter(|step| step.action.object() == *id)
        .map(|step| step.action.verb())
        .collect();
    if verbs.is_empty() {
        condition("Reconciling", False, "Settled", "nothing is left to do")
    } else {
        condition("Reconciling", True, "Planned", format!("to do: {}", verbs.join(", ")))
    }
}

/// What no plan will bring about unless somebody changes something.
fn stalled(waiting: &[Waiting]) -> Condition {
    let by_choice = |waiting: &&Waiting| {
        matches!(
            waiting.reason,
            WaitReason::Suspended
                | WaitReason::Dependency { .. }
                | WaitReason::RestartRequired { .. }
                | WaitReason::RecreateRequired { .. }
        )
    };
    let blocked: Vec<_> = waiting.iter().filter(|waiting| !by_choice(waiting)).collect();
    match blocked.first() {
        Some(first) => {
            let phrases: Vec<_> = blocked.iter().map(|waiting| phrase(&waiting.reason)).collect();
            condition("Stalled", True, word(&first.reason), phrases.join("; "))
        }
        None => condition("Stalled", False, "NotStalled", "nothing is in the way"),
    }
}

/// Puts in what a controller's tries have come to.
pub(crate) fn tried(conditions: &mut [Condition], attempt: &Attempt) {
    let told = match (&attempt.error, attempt.stalled) {
        (None, false) => return,
        (None, true) => {
            let message = "the same was done again and again and changed nothing";
            vec![condition("Stalled", True, "NoProgress", message)]
        }
        (Some(error), stalled) => {
            let times = match attempt.times {
                1 => "once".to_owned(),
                times => format!("{times} times"),
            };
            let message = format!("failed {times}: {error}");
            let stalled = stalled.then(|| condition("Stalled", True, "Failing", &*message));
            let retrying = condition("Reconciling", True, "Retrying", message);
            stalled.into_iter().chain([retrying]).collect()
        }
    };
    for told in told {
        if let Some(known) = conditions.iter_mut().find(|known| known.type_ == told.type_) {
            *known = told;
        }
    }
}

fn restart_required(instance: &ObservedInstance, waiting: &[Waiting]) -> Condition {
    let held = waiting.iter().find(|waiting| {
        matches!(
            waiting.reason,
            WaitReason::RestartRequired { .. } | WaitReason::RecreateRequired { .. }
        )
    });
    if let Some(held) = held {
        return condition("RestartRequired", True, word(&held.reason), phrase(&held.reason));
    }
    match (&instance.booted, &instance.config) {
        (Some(booted), Some(config)) if booted != config => {
            // Every field counts: which of them could be changed live is not asked here.
            let changes = diff::templates(booted, config, &Capabilities::default());
            let message = format!("runs without the latest change of {}", paths(&changes));
            condition("RestartRequired", True, "NotRestarted", message)
        }
        _ => condition("RestartRequired", False, "UpToDate", "no change waits for a restart"),
    }
}

fn drifted(
    instance: &ObservedInstance,
    claim: Option<&Claim>,
    print: impl Fn(&Arc<Lima>) -> Fingerprint,
) -> Condition {
    let claim = claim.filter(|claim| claim.applied.is_some() || claim.applying.is_some());
    match (claim, &instance.config) {
        (Some(claim), Some(config)) if claim.stored(&print(config)) => {
            let mut changed = instance.steps.iter().filter(|step| step.changed).peekable();
            if changed.peek().is_some() {
                let names: Vec<_> = changed.map(|step| step.name.as_str()).collect();
                let message = format!(
                    "somebody changed in the guest what {} wrote; a restart writes it anew",
                    names.join(", ")
                );
                return condition("Drifted", True, "GuestChanged", message);
            }
            condition("Drifted", False, "AsApplied", "the configuration is the one last applied")
        }
        (Some(_), Some(_)) => {
            condition("Drifted", True, "Changed", "the configuration was changed by someone else")
        }
        _ => condition("Drifted", Unknown, "NotApplied", "limekiln has applied nothing to it"),
    }
}
