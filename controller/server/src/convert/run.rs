//! What happens while a plan runs.

use std::time::Duration;

use limekiln_model::{Event, Progress, StepId, StepOutcome};
use limekiln_proto::v1alpha1 as wire;
use limekiln_reconciler::RunResult;
use wire::step_event::What;
use wire::step_outcome::Type;
use wire::step_progressed::Progress as WireProgress;

use super::time::{duration, to_duration};

/// An event for the wire.
pub fn step_event(event: &Event) -> wire::StepEvent {
    let (step, what) = match event {
        Event::Started { step } => (step, What::Started(wire::StepStarted {})),
        Event::Progressed { step, progress } => (step, What::Progressed(progressed(progress))),
        Event::Retrying { step, attempt, delay_ms, error } => {
            let delay = Some(duration(Duration::from_millis(*delay_ms)));
            let retrying = wire::StepRetrying { attempt: *attempt, delay, error: error.clone() };
            (step, What::Retrying(retrying))
        }
        Event::Finished { step, outcome } => (step, What::Finished(self::outcome(outcome))),
    };
    wire::StepEvent { step: u32::try_from(step.0).unwrap_or(u32::MAX), what: Some(what) }
}

fn progressed(progress: &Progress) -> wire::StepProgressed {
    let progress = match progress.clone() {
        Progress::Bytes { what, done, total } => {
            WireProgress::Bytes(wire::BytesProgress { what, done, total })
        }
        Progress::Message { text } => WireProgress::Message(text),
    };
    wire::StepProgressed { progress: Some(progress) }
}

fn outcome(outcome: &StepOutcome) -> wire::StepOutcome {
    let (kind, error, hint) = match outcome {
        StepOutcome::Done => (Type::Done, None, None),
        StepOutcome::Failed { error, hint } => (Type::Failed, Some(error), hint.as_ref()),
        StepOutcome::Skipped => (Type::Skipped, None, None),
        StepOutcome::Cancelled => (Type::Cancelled, None, None),
    };
    wire::StepOutcome {
        r#type: kind.into(),
        error: error.cloned().unwrap_or_default(),
        hint: hint.cloned().unwrap_or_default(),
    }
}

/// An event from the wire; `None` for what only a later version knows.
pub fn to_event(event: wire::StepEvent) -> Option<Event> {
    let step = StepId(usize::try_from(event.step).ok()?);
    Some(match event.what? {
        What::Started(_) => Event::Started { step },
        What::Progressed(progressed) => {
            Event::Progressed { step, progress: to_progress(progressed.progress?) }
        }
        What::Retrying(wire::StepRetrying { attempt, delay, error }) => {
            let delay = delay.as_ref().map(to_duration).unwrap_or_default();
            let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
            Event::Retrying { step, attempt, delay_ms, error }
        }
        What::Finished(outcome) => Event::Finished { step, outcome: to_outcome(outcome) },
    })
}

fn to_progress(progress: WireProgress) -> Progress {
    match progress {
        WireProgress::Bytes(wire::BytesProgress { what, done, total }) => {
            Progress::Bytes { what, done, total }
        }
        WireProgress::Message(text) => Progress::Message { text },
    }
}

fn to_outcome(outcome: wire::StepOutcome) -> StepOutcome {
    match outcome.r#type() {
        Type::Done => StepOutcome::Done,
        Type::Skipped => StepOutcome::Skipped,
        Type::Cancelled => StepOutcome::Cancelled,
        Type::Failed | Type::Unspecified => {
            let hint = (!outcome.hint.is_empty()).then_some(outcome.hint);
            StepOutcome::Failed { error: outcome.error, hint }
        }
    }
}

/// How a run ended, for the wire.
pub fn finished(result: &RunResult) -> wire::Finished {
    let outcomes = result.outcomes.iter().map(outcome).collect();
    wire::Finished { outcomes, look_again: result.look_again }
}

/// How a run ended, from the wire.
pub fn run_result(finished: wire::Finished) -> RunResult {
    let wire::Finished { outcomes, look_again } = finished;
    RunResult { outcomes: outcomes.into_iter().map(to_outcome).collect(), look_again }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_back_equal() {
        let (step, error) = (StepId(7), "no".to_owned());
        let bytes = Progress::Bytes { what: "download".to_owned(), done: 1, total: Some(2) };
        let failed = StepOutcome::Failed { error: error.clone(), hint: Some("do".to_owned()) };
        let mut events = vec![
            Event::Started { step },
            Event::Progressed { step, progress: bytes },
            Event::Progressed { step, progress: Progress::Message { text: "waits".to_owned() } },
            Event::Retrying { step, attempt: 2, delay_ms: 1_500, error },
        ];
        let outcomes = [failed, StepOutcome::Done, StepOutcome::Skipped, StepOutcome::Cancelled];
        events.extend(outcomes.clone().map(|outcome| Event::Finished { step, outcome }));
        for event in events {
            assert_eq!(to_event(step_event(&event)), Some(event));
        }
        let result = RunResult { outcomes: outcomes.to_vec(), look_again: true };
        assert_eq!(run_result(finished(&result)), result);
    }
}
