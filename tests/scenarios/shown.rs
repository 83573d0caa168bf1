//! Plans, outcomes and objects as scripts show them.

use std::error::Error;

use limekiln_model::{Observed, Plan, Report, StepId};
use limekiln_planner::render::{Line, lines, reason};
use limekiln_reconciler::{ControllerState, End, Settled};

/// What a plan does, as the command line shows it without columns.
pub fn plan(plan: &Plan) -> String {
    lines(plan).iter().map(|line| one(line) + "\n").collect()
}

fn one(line: &Line) -> String {
    match line {
        Line::Object { sign, id, what, cost } => {
            let cost = cost.map(|cost| format!("  [{}]", cost.word())).unwrap_or_default();
            format!("{:3} {id}  {what}{cost}", sign.text())
        }
        Line::Made(what) => format!("      {what}"),
        Line::Field { path, from, to, cost, .. } => {
            format!("      {path}  {from} → {to}  [{}]", cost.word())
        }
        Line::After { verb, ids } => {
            let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
            format!("      {verb} after {}", ids.join(", "))
        }
        Line::Why(why) => format!("      because {why}"),
    }
}

/// What waits and why.
pub fn report(report: &Report) -> String {
    news(&Report::default(), report)
}

/// What waits now and did not before.
fn news(before: &Report, now: &Report) -> String {
    let mut out = String::new();
    for (id, all) in &now.waiting {
        let known = before.waiting.get(id).map(Vec::as_slice).unwrap_or_default();
        for waiting in all.iter().filter(|waiting| !known.contains(waiting)) {
            out += &format!("!   {id}  {}\n", reason(id, &waiting.reason));
            out += &waiting.hint.iter().map(|hint| format!("      → {hint}\n")).collect::<String>();
        }
    }
    out
}

/// How a step ended.
pub fn step(plan: &Plan, step: StepId, how: &str, why: Option<&str>) -> String {
    let Some(step) = plan.step(step) else { return String::new() };
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    format!("{how}: {} {}{why}\n", step.action.verb(), step.action.object())
}

/// How a run ended, and what is left that was not shown before it.
pub fn end(settled: &Settled, shown: &Report) -> String {
    let word = match settled.end {
        End::Settled => "settled",
        End::Failed => "failed",
        End::Cancelled => "cancelled",
        End::NeedsConsent => "needs consent for more",
        End::Stalled => "stalled",
    };
    format!("{}{word}\n", news(shown, &settled.rest.report))
}

/// What a controller knows while it rests.
pub fn state(state: &ControllerState) -> String {
    let planned = state.planned.as_ref();
    let mut out = planned.map(|planned| report(&planned.report)).unwrap_or_default();
    let errors = state.source_errors.iter().chain(&state.observe_error);
    out.extend(errors.map(|error| format!("error: {error}\n")));
    out + if state.is_settled() { "settled\n" } else { "not settled\n" }
}

/// An error with its causes.
pub fn error(error: &dyn Error) -> String {
    let mut text = format!("error: {error}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        text += &format!(": {inner}");
        cause = inner.source();
    }
    text + "\n"
}

/// What exists, and what is parked.
pub fn world(observed: &Observed) -> String {
    let mut out = String::new();
    for (name, instance) in &observed.instances {
        let config = instance.config.as_ref();
        let cpus = config.and_then(|config| config.cpus).map_or(0, |cpus| cpus.0);
        let disk = limekiln_api::ByteSize(instance.disk_bytes.unwrap_or_default());
        out += &format!("instance/{name}  {}, cpus {cpus}, disk {disk}\n", instance.phase.word());
    }
    for (name, disk) in &observed.disks {
        let size = limekiln_api::ByteSize(disk.size);
        let user = disk.in_use_by.as_ref().map(|user| format!(", used by {user}"));
        out += &format!("disk/{name}  {size}{}\n", user.unwrap_or_default());
    }
    for (name, network) in &observed.networks {
        out += &format!("network/{name}  {:?}\n", network.phase);
    }
    for parked in &observed.parked {
        out += &format!("{}  parked\n", parked.id);
    }
    if out.is_empty() { "nothing\n".to_owned() } else { out }
}
