//! Revisions, and the plans that were carried out for them.

use std::time::Duration;

use jiff::Timestamp;
use limekiln_proto::v1alpha1 as wire;
use limekiln_reconciler::{PlanRun, StepRun};

use super::event::outcome;
use super::reference::object_ref;
use super::time::{duration, timestamp};

/// A plan that was carried out, for the wire. What a controller that runs has begun `since` it works
/// is under way until its end is noted; what one before it began was cut short.
pub(crate) fn plan_run(run: &PlanRun, since: Option<Timestamp>) -> wire::RevisionPlan {
    wire::RevisionPlan {
        time: Some(timestamp(run.at)),
        first_time: Some(timestamp(run.first_at)),
        count: run.count,
        took: run.ended_at.map(|end| duration(end.duration_since(run.at).unsigned_abs())),
        steps: run.steps.iter().map(step_run).collect(),
        more_steps: run.more_steps,
        under_way: !run.is_ended() && since.is_some_and(|since| run.at >= since),
    }
}

fn step_run(step: &StepRun) -> wire::RevisionStep {
    let known = step.outcome.map(outcome);
    wire::RevisionStep {
        object: Some(object_ref(&step.object)),
        verb: step.verb.clone(),
        outcome: known.unwrap_or(wire::EventOutcome::Unspecified).into(),
        error: step.error.clone().unwrap_or_default(),
        time: step.at.map(timestamp),
        took: step.took_ms.map(|ms| duration(Duration::from_millis(ms))),
    }
}

#[cfg(test)]
mod tests {
    use limekiln_reconciler::RecordOutcome;

    use super::*;

    #[test]
    fn only_what_this_controller_began_is_under_way() {
        let at = |second| Timestamp::from_second(second).expect("in range");
        let step = |outcome| StepRun {
            object: "instance/web".parse().expect("an id"),
            verb: "create".to_owned(),
            outcome,
            error: None,
            at: None,
            took_ms: Some(1_500),
        };
        let run = |outcome| PlanRun {
            at: at(10),
            first_at: at(5),
            count: 2,
            ended_at: None,
            steps: vec![step(outcome)],
            more_steps: 0,
        };
        let under_way = |since| plan_run(&run(None), since).under_way;
        assert!(under_way(Some(at(9))));
        assert!(!under_way(Some(at(11))), "one that was killed began it");
        assert!(!under_way(None), "nobody works");
        let done = plan_run(&run(Some(RecordOutcome::Done)), Some(at(9)));
        assert!(!done.under_way);
        assert_eq!(done.steps[0].took, Some(duration(Duration::from_millis(1_500))));
        assert_eq!(plan_run(&run(None), None).steps[0].outcome(), wire::EventOutcome::Unspecified);
    }
}
