//! Plans and reasons.

use limekiln_model::{Plan, Report, Step, Waiting};
use limekiln_proto::v1alpha1 as wire;
use limekiln_reconciler::{Planned, reason_phrase, reason_word};
use serde_json::json;

use super::reference::object_ref;

/// What is to be done, and what waits.
pub fn plan(planned: &Planned) -> wire::Plan {
    let Planned { plan, report, .. } = planned;
    wire::Plan {
        revision: plan.basis.revision.clone(),
        steps: plan.steps.iter().map(step).collect(),
        waiting: waiting(report),
        json: whole(plan, report),
    }
}

fn whole(plan: &Plan, report: &Report) -> String {
    json!({"plan": plan, "report": report}).to_string()
}

fn step(step: &Step) -> wire::Step {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    wire::Step {
        object: Some(object_ref(&step.action.object())),
        verb: step.action.verb().to_owned(),
        after: step.after.iter().map(|before| number(before.0)).collect(),
        destructive: step.action.is_destructive(),
        why: step.why.clone().unwrap_or_default(),
    }
}

fn waiting(report: &Report) -> Vec<wire::WaitingObject> {
    let one = |(id, reasons): (_, &Vec<Waiting>)| wire::WaitingObject {
        object: Some(object_ref(id)),
        waits: reasons.iter().map(wait).collect(),
    };
    report.waiting.iter().map(one).collect()
}

/// One reason.
pub(crate) fn wait(waiting: &Waiting) -> wire::Wait {
    let on = match &waiting.reason {
        limekiln_model::WaitReason::Dependency { on } => Some(object_ref(on)),
        _ => None,
    };
    wire::Wait {
        reason: reason_word(&waiting.reason).to_owned(),
        message: reason_phrase(&waiting.reason),
        hint: waiting.hint.clone().unwrap_or_default(),
        on,
    }
}
