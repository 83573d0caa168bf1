//! What is noted of the plans that are carried out, revision by revision.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use limekiln_executor::RunResult;
use limekiln_model::{Event, ObjectId, Plan, StepOutcome};
use tokio::time::Instant;

use crate::history::{Ended, Line, STEPS, in_a_line};
use crate::{History, OnEvent, PlanRun, Planned, RecordOutcome, StepRun};

/// A revision of a source.
type Of = Arc<(String, String)>;

/// What was begun and has ended, and is not written yet.
///
/// It costs a pass that begins nothing and in which nothing ends nothing at all.
#[derive(Default)]
pub(super) struct RunLog {
    /// The plans that this pass begins, one for each revision.
    begun: BTreeMap<Of, PlanRun>,
    unwritten: Vec<(Of, Line)>,
}

/// What is to be noted of a part that runs.
#[derive(Default)]
pub(super) struct Noting {
    /// When the plan was begun that it is part of.
    plan: Timestamp,
    /// In which revision's plans it is, and from which step on.
    places: Vec<(Of, usize)>,
    times: Arc<Mutex<Vec<Times>>>,
}

/// When a step was begun, and how long it took.
#[derive(Clone, Default)]
struct Times {
    begun: Option<(Timestamp, Instant)>,
    took_ms: Option<u64>,
}

impl RunLog {
    /// A part is begun. It counts for the revision of each source that one of its objects is from.
    pub(super) fn begin(&mut self, part: &Plan, planned: &Planned) -> Noting {
        let of = sources_of(part, planned);
        let plan = self.begun.values().next().map_or_else(Timestamp::now, |run| run.at);
        let mut places = Vec::new();
        for of in of {
            let run = self.begun.entry(Arc::clone(&of)).or_insert_with(|| PlanRun {
                at: plan,
                first_at: plan,
                count: 1,
                ended_at: None,
                steps: Vec::new(),
                more_steps: 0,
            });
            // A part that has no place any more is counted, and not noted.
            if run.steps.len() + part.steps.len() > STEPS && !run.steps.is_empty() {
                run.more_steps += u64::try_from(part.steps.len()).unwrap_or(u64::MAX);
                continue;
            }
            places.push((of, run.steps.len()));
            let step = |step: &limekiln_model::Step| {
                StepRun::new(step.action.object(), step.action.verb())
            };
            run.steps.extend(part.steps.iter().take(STEPS).map(step));
            run.more_steps += u64::try_from(part.steps.len().saturating_sub(STEPS)).unwrap_or(0);
        }
        let times = Arc::new(Mutex::new(vec![Times::default(); part.steps.len()]));
        Noting { plan, places, times }
    }

    /// All parts of this pass are begun.
    pub(super) fn begun(&mut self) {
        let begun = std::mem::take(&mut self.begun).into_iter();
        self.unwritten.extend(begun.map(|(of, run)| (of, Line::Begun(run))));
    }

    /// A part has ended.
    pub(super) fn ended(&mut self, noting: &Noting, result: &RunResult) {
        let at = Timestamp::now();
        let times = noting.times.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (of, first) in &noting.places {
            let outcomes = result.outcomes.iter().zip(&times).enumerate();
            let steps = outcomes.take(STEPS).map(|(index, (outcome, times))| {
                let (outcome, error) = told(outcome);
                let at = times.begun.map(|(at, _)| at);
                Ended { step: first + index, outcome, error, at, took_ms: times.took_ms }
            });
            let line = Line::Ended { plan: noting.plan, at, steps: steps.collect() };
            self.unwritten.push((Arc::clone(of), line));
        }
    }

    /// Whether something is to be written.
    pub(super) fn is_empty(&self) -> bool {
        self.unwritten.is_empty()
    }

    /// What is to be written, which is forgotten here.
    pub(super) fn take(&mut self) -> Unwritten {
        let mut lines: BTreeMap<Of, Vec<Line>> = BTreeMap::new();
        for (of, line) in self.unwritten.drain(..) {
            lines.entry(of).or_default().push(line);
        }
        Unwritten(lines)
    }
}

/// Lines to be written, by revision.
pub(super) struct Unwritten(BTreeMap<Of, Vec<Line>>);

impl Unwritten {
    /// Writes them. Nothing fails for them.
    pub(super) fn write(&self, history: &History) {
        for (of, lines) in &self.0 {
            if let Err(error) = history.note_plans(&of.0, &of.1, lines) {
                tracing::warn!("it cannot be noted what was done for a revision: {error}");
            }
        }
    }
}

impl Noting {
    /// The same events, with a note of when they came.
    pub(super) fn timing(&self, on_event: OnEvent) -> OnEvent {
        let times = Arc::clone(&self.times);
        Arc::new(move |plan, event| {
            note(&mut times.lock().unwrap_or_else(PoisonError::into_inner), event);
            on_event(plan, event);
        })
    }
}

fn note(times: &mut [Times], event: &Event) {
    match event {
        Event::Started { step } => {
            let first = times.get_mut(step.0).filter(|times| times.begun.is_none());
            first.into_iter().for_each(|times| {
                times.begun = Some((Timestamp::now(), Instant::now()));
            });
        }
        Event::Finished { step, .. } => {
            let times = times.get_mut(step.0).into_iter();
            times.for_each(|times| times.took_ms = times.begun.map(|(_, since)| millis(since)));
        }
        Event::Progressed { .. } | Event::Retrying { .. } => {}
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn told(outcome: &StepOutcome) -> (RecordOutcome, Option<String>) {
    match outcome {
        StepOutcome::Done => (RecordOutcome::Done, None),
        StepOutcome::Failed { error, .. } => (RecordOutcome::Failed, Some(in_a_line(error))),
        StepOutcome::Skipped => (RecordOutcome::Skipped, None),
        StepOutcome::Cancelled => (RecordOutcome::Cancelled, None),
    }
}

/// The revisions in force of the sources that the objects of a part are from; those of what is gone
/// from its source, too.
fn sources_of(part: &Plan, planned: &Planned) -> Vec<Of> {
    let Planned { desired, observed, .. } = planned;
    let source = |id: &ObjectId| {
        let owner = || observed.owners.get(id).map(|owner| &owner.origin);
        desired.origin(id).or_else(owner).map(|origin| &origin.source)
    };
    let mut sources: Vec<_> =
        part.steps.iter().filter_map(|step| source(&step.action.object())).collect();
    sources.sort_unstable();
    sources.dedup();
    let of = |source: &String| {
        let revision = desired.revisions.get(source)?;
        Some(Arc::new((source.clone(), revision.clone())))
    };
    sources.into_iter().filter_map(of).collect()
}
