//! Plans that were carried out for a revision.

use jiff::Timestamp;
use limekiln_proto::v1alpha1::{EventOutcome, RevisionPlan, RevisionStep};
use limekiln_server::convert::{object_id, to_duration, to_timestamp};

use crate::output::style::{BOLD, DIM, Styled};
use crate::output::table::Table;
use crate::output::time::{age, elapsed};
use crate::output::words::count;

/// So many are shown: the first, which brought the revision about, and the last ones.
const SHOWN: usize = 10;

/// How a step ended, in a word; of one that nobody knows the end of, why.
pub(super) fn outcome(step: &RevisionStep, under_way: bool) -> &'static str {
    match step.outcome() {
        EventOutcome::Done => "done",
        EventOutcome::Retrying => "retrying",
        EventOutcome::Failed => "Failed",
        EventOutcome::Skipped => "skipped",
        EventOutcome::Cancelled => "cancelled",
        EventOutcome::Unspecified if under_way => "under way",
        EventOutcome::Unspecified => "cut short",
    }
}

/// The object as it is written.
pub(super) fn object(step: &RevisionStep) -> String {
    object_id(step.object.as_ref()).map(|id| id.to_string()).unwrap_or_default()
}

/// `3`, `3, 1 failed`, `3, 1 cut short`; of equal ones each counts.
pub(super) fn summary(plans: &[RevisionPlan]) -> String {
    let number = |meant: &dyn Fn(&RevisionPlan) -> bool| -> u64 {
        plans.iter().filter(|plan| meant(plan)).map(|plan| plan.count).sum()
    };
    let has = |plan: &RevisionPlan, word: &str| {
        plan.steps.iter().any(|step| outcome(step, plan.under_way) == word)
    };
    let mut parts = vec![number(&|_| true).to_string()];
    for (word, shown) in
        [("Failed", "failed"), ("cut short", "cut short"), ("under way", "under way")]
    {
        let plans = number(&|plan| has(plan, word));
        if plans > 0 {
            parts.push(format!("{plans} {shown}"));
        }
    }
    if plans.is_empty() { String::new() } else { parts.join(", ") }
}

/// Prints them, each with its steps.
pub(super) fn show(plans: &[RevisionPlan]) {
    let now = Timestamp::now();
    let hidden = plans.len().saturating_sub(SHOWN);
    for (index, plan) in plans.iter().enumerate() {
        if hidden > 0 && index == 1 {
            let more = format!("{} between them: -o json", count(hidden, "more plan"));
            outln!("\n{}", Styled(DIM, &more));
        }
        if index > 0 && index <= hidden {
            continue;
        }
        let title = format!("plan {} of {}", index + 1, plans.len());
        outln!("\n{}  {}", Styled(BOLD, &title), Styled(DIM, &when(plan, now)));
        out!("{}", table(plan).render());
        if plan.more_steps > 0 {
            let more = usize::try_from(plan.more_steps).unwrap_or(usize::MAX);
            outln!("{}", Styled(DIM, &format!("and {}", count(more, "more step"))));
        }
    }
}

/// `3m ago, took 4.1s`, and how often.
fn when(plan: &RevisionPlan, now: Timestamp) -> String {
    let at = to_timestamp(plan.time.as_ref());
    let took = plan.took.as_ref().map(|took| format!(", took {}", elapsed(to_duration(took))));
    let first = to_timestamp(plan.first_time.as_ref());
    let again = match plan.count {
        0 | 1 => String::new(),
        times => format!(", x{times} over {}", age(first, at)),
    };
    format!("{} ago{}{again}", age(at, now), took.unwrap_or_default())
}

fn table(plan: &RevisionPlan) -> Table {
    let mut table = Table::new(&["OBJECT", "STEP", "OUTCOME", "TOOK", "ERROR"]);
    for step in &plan.steps {
        table.row(vec![
            object(step),
            step.verb.clone(),
            outcome(step, plan.under_way).to_owned(),
            step.took.as_ref().map(|took| elapsed(to_duration(took))).unwrap_or_default(),
            step.error.clone(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(times: u64, outcomes: &[EventOutcome], under_way: bool) -> RevisionPlan {
        let step = |outcome: &EventOutcome| RevisionStep {
            outcome: (*outcome).into(),
            ..RevisionStep::default()
        };
        let steps = outcomes.iter().map(step).collect();
        RevisionPlan { count: times, steps, under_way, ..RevisionPlan::default() }
    }

    #[test]
    fn what_went_wrong_is_counted() {
        use EventOutcome::{Done, Failed, Skipped, Unspecified};
        assert_eq!(summary(&[]), "");
        assert_eq!(summary(&[plan(1, &[Done], false)]), "1");
        let failed = plan(5, &[Done, Failed, Skipped], false);
        let cut = plan(1, &[Done, Unspecified], false);
        let runs = plan(1, &[Unspecified], true);
        assert_eq!(summary(&[failed, cut, runs]), "7, 5 failed, 1 cut short, 1 under way");
    }
}
