//! One run of one plan.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use limekiln_engine::{ActionContext, Engine, EngineError, ErrorClass};
use limekiln_model::mutant::{Mutant, is_on};
use limekiln_model::{Action, Event, Plan, StepId, StepOutcome};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::gate::Gate;
use crate::room::{Place, Waiting};
use crate::{EventSink, Limits, RunResult};

pub(crate) struct Run<'a> {
    worker: Worker<'a>,
    plan: &'a Plan,
    /// For each step, how many it still waits for.
    missing: Vec<usize>,
    /// For each step, which come after it.
    next: Vec<Vec<StepId>>,
    outcomes: Vec<Option<StepOutcome>>,
    look_again: bool,
}

/// What a step needs while it runs.
struct Worker<'a> {
    engine: &'a dyn Engine,
    limits: &'a Limits,
    gate: Gate,
    cancel: &'a CancellationToken,
    on_event: EventSink,
}

/// How a step ended, before it is told to anyone.
struct Ended {
    outcome: StepOutcome,
    look_again: bool,
    /// The room that it had.
    place: Option<Place>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        engine: &'a dyn Engine,
        limits: &'a Limits,
        gate: Gate,
        plan: &'a Plan,
        cancel: &'a CancellationToken,
        on_event: EventSink,
    ) -> Self {
        let mut next = vec![Vec::new(); plan.steps.len()];
        for (id, step) in plan.iter() {
            for before in &step.after {
                if let Some(next) = next.get_mut(before.0) {
                    next.push(id);
                }
            }
        }
        Self {
            worker: Worker { engine, limits, gate, cancel, on_event },
            plan,
            missing: plan.steps.iter().map(|step| step.after.len()).collect(),
            next,
            outcomes: vec![None; plan.steps.len()],
            look_again: false,
        }
    }

    pub(crate) async fn finish(mut self) -> RunResult {
        let plan = self.plan;
        let first = plan.iter().map(|(id, _)| id).filter(|id| self.missing[id.0] == 0);
        let mut ready: BTreeSet<_> = first.map(|id| self.worker.rank(id)).collect();
        let Self { worker, missing, next, outcomes, look_again, .. } = &mut self;
        let worker = &*worker;
        let mut running = FuturesUnordered::new();
        let mut leaving = None;
        loop {
            while let Some((_, id)) = ready.pop_first() {
                let action = &plan.steps[id.0].action;
                let room = worker.gate.ask(id, action.work());
                running.push(async move { (id, worker.step(id, action, room).await) });
            }
            // What has just become ready waits by now, too, and may be first.
            drop(leaving.take());
            let Some((id, mut ended)) = running.next().await else { break };
            leaving = ended.place.take();
            *look_again |= ended.look_again;
            let stop = match ended.outcome {
                StepOutcome::Done => None,
                StepOutcome::Failed { .. } if is_on(Mutant::GoesOnAfterFailure) => None,
                StepOutcome::Cancelled => Some(StepOutcome::Cancelled),
                _ => Some(StepOutcome::Skipped),
            };
            outcomes[id.0] = Some(ended.outcome);
            match stop {
                None => {
                    for after in &next[id.0] {
                        missing[after.0] -= 1;
                        if missing[after.0] == 0 {
                            ready.insert(worker.rank(*after));
                        }
                    }
                }
                Some(outcome) => worker.give_up(next, id, &outcome, outcomes),
            }
        }
        drop(running);
        self.result()
    }

    /// What is still open waits for a step that the plan does not have, or for itself.
    fn result(self) -> RunResult {
        let worker = self.worker;
        let outcomes = self.outcomes.into_iter().enumerate().map(|(index, outcome)| {
            outcome.unwrap_or_else(|| {
                let error = "the plan is malformed: the step waits for one that never ends";
                let failed = StepOutcome::Failed { error: error.to_owned(), hint: None };
                worker.finished(StepId(index), failed)
            })
        });
        RunResult { outcomes: outcomes.collect(), look_again: self.look_again }
    }
}

impl Worker<'_> {
    /// Its place among steps that could begin: the one that holds up the most comes first, as with
    /// the limits; else the plan's order counts.
    fn rank(&self, id: StepId) -> (Reverse<usize>, StepId) {
        (Reverse(self.gate.behind(id)), id)
    }

    fn tell(&self, event: Event) {
        (self.on_event)(event);
    }

    fn finished(&self, step: StepId, outcome: StepOutcome) -> StepOutcome {
        self.tell(Event::Finished { step, outcome: outcome.clone() });
        outcome
    }

    /// Ends everything that comes after a step that was not done.
    fn give_up(
        &self,
        next: &[Vec<StepId>],
        from: StepId,
        outcome: &StepOutcome,
        outcomes: &mut [Option<StepOutcome>],
    ) {
        let mut open = vec![from];
        while let Some(id) = open.pop() {
            for after in &next[id.0] {
                if outcomes[after.0].is_none() {
                    self.gate.forget(*after);
                    outcomes[after.0] = Some(self.finished(*after, outcome.clone()));
                    open.push(*after);
                }
            }
        }
    }

    /// Runs a step when there is room for it.
    async fn step(&self, id: StepId, action: &Action, room: Waiting) -> Ended {
        let place = tokio::select! {
            biased;
            () = self.cancel.cancelled() => None,
            place = room.place() => Some(place),
        };
        let Some(place) = place else {
            self.gate.forget(id);
            let outcome = self.finished(id, StepOutcome::Cancelled);
            return Ended { outcome, look_again: false, place: None };
        };
        self.tell(Event::Started { step: id });
        // In a place of its own, made now: thousands may wait for room, and few have it.
        let ended = Box::pin(self.attempts(id, action)).await;
        let place = self.gate.leave(id, ended.outcome == StepOutcome::Done, place);
        Ended { outcome: self.finished(id, ended.outcome), place, ..ended }
    }

    /// Tries until it is done, or will not be.
    async fn attempts(&self, id: StepId, action: &Action) -> Ended {
        let seed = self.limits.seed << 32 | id.0 as u64;
        let mut delays = self.limits.retry.delays(seed);
        let mut attempt = 0;
        loop {
            attempt += 1;
            let error = match self.perform(id, action).await {
                Ok(()) => {
                    return Ended { outcome: StepOutcome::Done, look_again: false, place: None };
                }
                Err(error) => error,
            };
            debug!(step = %id, verb = action.verb(), class = ?error.class, error = error.chain(), "failed");
            let delay = match error.class {
                ErrorClass::Transient => delays.next(),
                _ => None,
            };
            let Some(delay) = delay else { return ended(&error) };
            if !self.pause(id, attempt, delay, &error).await {
                return Ended { outcome: StepOutcome::Cancelled, look_again: false, place: None };
            }
        }
    }

    /// One try. An engine that does not come back is told to end, and in the end left alone: what
    /// it did is read from the world.
    async fn perform(&self, step: StepId, action: &Action) -> Result<(), EngineError> {
        let sink = self.on_event.clone();
        let cancel = self.cancel.child_token();
        let context = ActionContext::new(cancel.clone(), move |progress| {
            sink(Event::Progressed { step, progress });
        });
        let longest = self.limits.longest.of(action.work());
        let limit = if is_on(Mutant::WaitsForever) { Duration::MAX } else { longest };
        let work = self.engine.perform(action, &context);
        tokio::pin!(work);
        if let Ok(ended) = timeout(limit, &mut work).await {
            return ended;
        }
        cancel.cancel();
        let late = || format!("it did not end within {} minutes", limit.as_secs() / 60);
        match timeout(self.limits.longest.grace, work).await {
            Ok(Err(error)) if error.class == ErrorClass::Cancelled => {
                Err(EngineError::permanent(late()))
            }
            Ok(ended) => ended,
            Err(_) => Err(EngineError::new(ErrorClass::Unknown, late())),
        }
    }

    /// Waits before the next attempt; false when the run was cancelled meanwhile.
    async fn pause(
        &self,
        step: StepId,
        attempt: u32,
        delay: Duration,
        error: &EngineError,
    ) -> bool {
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.tell(Event::Retrying { step, attempt, delay_ms, error: error.chain() });
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => false,
            () = tokio::time::sleep(delay) => true,
        }
    }
}

/// The outcome that an error leads to when it is not tried again.
fn ended(error: &EngineError) -> Ended {
    if error.class == ErrorClass::Cancelled {
        return Ended { outcome: StepOutcome::Cancelled, look_again: false, place: None };
    }
    let (prefix, look_again) = match error.class {
        ErrorClass::Precondition => ("the state has changed since the plan was made: ", true),
        ErrorClass::Unknown => ("it is not known whether this happened: ", true),
        _ => ("", false),
    };
    let hint = error.hint.clone().or_else(|| {
        look_again.then(|| "run the command again; it looks at the state anew".to_owned())
    });
    let error = format!("{prefix}{}", error.chain());
    Ended { outcome: StepOutcome::Failed { error, hint }, look_again, place: None }
}
