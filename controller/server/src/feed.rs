//! What happens to the steps of plans: events that can be followed, and counts of how steps ended.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use limekiln_model::{Event, Plan, StepOutcome};
use limekiln_reconciler::{Journal, Occurrence, Record, occurrences};

use crate::news::{Limits, News};

/// So many events are kept for those who follow.
const KEPT: usize = 2_000;

/// Takes the events of a controller.
#[derive(Clone)]
pub struct Feed {
    pub(crate) events: Arc<News<u64, Occurrence>>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The number that the next occurrence gets.
    next: u64,
    /// The newest occurrence of each kind, to count those that are equal.
    newest: HashMap<String, (u64, Occurrence)>,
    /// How often a verb ended with an outcome.
    outcomes: BTreeMap<(&'static str, &'static str), u64>,
}

impl Feed {
    /// Begins with what was done before. What cannot be read is not told.
    pub fn new(journal: &Journal) -> Self {
        let events = Arc::new(News::new(Limits { values: KEPT, gone: 0 }));
        let feed = Self { events, state: Arc::default() };
        let before = journal.read().map(occurrences).unwrap_or_default();
        for occurrence in before {
            feed.tell(occurrence);
        }
        feed
    }

    /// Takes an event.
    pub fn on_event(&self, plan: &Plan, event: &Event) {
        self.count(plan, event);
        let Some(record) = Record::of(plan, event) else { return };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let known = state.newest.get_mut(&kind(&record));
        let again = known.and_then(|(number, known)| {
            known.again(&record).then(|| (*number, Some(known.clone())))
        });
        drop(state);
        match again {
            Some(again) => self.events.put([again]),
            None => self.tell(Occurrence::once(record)),
        }
    }

    fn tell(&self, occurrence: Occurrence) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let number = state.next;
        state.next += 1;
        // What nobody can follow any more is not counted on either.
        if state.newest.len() >= 2 * KEPT {
            let oldest = number.saturating_sub(KEPT as u64);
            state.newest.retain(|_, (number, _)| *number >= oldest);
        }
        state.newest.insert(kind(&occurrence.record), (number, occurrence.clone()));
        drop(state);
        self.events.put([(number, Some(occurrence))]);
    }

    fn count(&self, plan: &Plan, event: &Event) {
        let Event::Finished { step, outcome } = event else { return };
        let Some(action) = plan.step(*step).map(|step| &step.action) else { return };
        let word = match outcome {
            StepOutcome::Done => "done",
            StepOutcome::Failed { .. } => "failed",
            StepOutcome::Skipped => "skipped",
            StepOutcome::Cancelled => "cancelled",
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state.outcomes.entry((action.verb(), word)).or_default() += 1;
    }

    /// How often each verb ended how.
    pub(crate) fn outcomes(&self) -> BTreeMap<(&'static str, &'static str), u64> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).outcomes.clone()
    }
}

/// Equal for events that are counted as one.
fn kind(record: &Record) -> String {
    let Record { object, verb, outcome, message, revision, .. } = record;
    format!("{object}\n{verb}\n{outcome:?}\n{revision}\n{}", message.as_deref().unwrap_or_default())
}
