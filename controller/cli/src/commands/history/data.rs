//! Revisions for programs.

use std::time::Duration;

use limekiln_proto::v1alpha1::{Revision, RevisionPlan, RevisionStep};
use limekiln_server::convert::{to_duration, to_timestamp};
use serde_json::{Map, Value, json};

use super::{before, plans, texts};
use crate::output::difference;

/// What is shown, as a list. With the files of revisions also what each changed.
pub(super) fn all(shown: &[&Revision], all: &[Revision]) -> Value {
    shown.iter().map(|one| revision(one, all)).collect()
}

fn revision(one: &Revision, all: &[Revision]) -> Value {
    let mut value = json!({
        "revision": one.revision,
        "source": one.source,
        "at": to_timestamp(one.time.as_ref()).to_string(),
        "files": one.file_count,
        "pinned": one.pinned,
        "rolledBack": one.rolled_back,
        "newest": one.newest,
        "plans": one.plans.iter().map(plan).collect::<Vec<_>>(),
    });
    // Without files nothing is known of changes.
    let known = one.files.len() == usize::try_from(one.file_count).unwrap_or_default();
    if let Some(before) = before(one, all).filter(|_| known) {
        let change = |(file, from, to): (&str, &str, &str)| json!({"file": file, "diff": difference::unified(from, to)});
        value["changes"] = texts(before, one).into_iter().map(change).collect();
    }
    value
}

fn plan(plan: &RevisionPlan) -> Value {
    let mut value = Map::new();
    value.insert("at".into(), to_timestamp(plan.time.as_ref()).to_string().into());
    value.insert("firstAt".into(), to_timestamp(plan.first_time.as_ref()).to_string().into());
    value.insert("count".into(), plan.count.into());
    if let Some(took) = &plan.took {
        value.insert("tookMs".into(), millis(to_duration(took)));
    }
    let steps = plan.steps.iter().map(|one| step(one, plan.under_way));
    value.insert("steps".into(), steps.collect());
    if plan.more_steps > 0 {
        value.insert("moreSteps".into(), plan.more_steps.into());
    }
    value.into()
}

fn step(step: &RevisionStep, under_way: bool) -> Value {
    let mut value = Map::new();
    value.insert("object".into(), plans::object(step).into());
    value.insert("verb".into(), step.verb.clone().into());
    let outcome = match plans::outcome(step, under_way) {
        "under way" => "underWay",
        "cut short" => "cutShort",
        "Failed" => "failed",
        other => other,
    };
    value.insert("outcome".into(), outcome.into());
    if !step.error.is_empty() {
        value.insert("error".into(), step.error.clone().into());
    }
    if let Some(at) = &step.time {
        value.insert("at".into(), to_timestamp(Some(at)).to_string().into());
    }
    if let Some(took) = &step.took {
        value.insert("tookMs".into(), millis(to_duration(took)));
    }
    value.into()
}

fn millis(took: Duration) -> Value {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX).into()
}
