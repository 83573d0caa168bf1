//! The events of an order on their way to whoever gave it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use limekiln_model::{Event, StepId};
use tokio::sync::Notify;

/// What was not read yet. Of a step's progress only the last is kept, and of its failed tries too:
/// so it holds no more than a few events of each step, however slowly it is read.
#[derive(Default)]
pub(super) struct Progress {
    unread: Mutex<VecDeque<Event>>,
    more: Notify,
}

impl Progress {
    /// Takes an event; never waits.
    pub(super) fn push(&self, event: Event) {
        let mut unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        let place = passing(&event)
            .and_then(|kind| unread.iter().rposition(|known| passing(known) == Some(kind)));
        if let Some(place) = place {
            unread.remove(place);
        }
        unread.push_back(event);
        drop(unread);
        self.more.notify_one();
    }

    /// The next event, if there is one.
    pub(super) fn take(&self) -> Option<Event> {
        self.unread.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// The next event; waits for it.
    pub(super) async fn next(&self) -> Event {
        loop {
            let more = self.more.notified();
            if let Some(event) = self.take() {
                return event;
            }
            more.await;
        }
    }
}

/// Which events replace each other: of the same step, and of the same kind.
fn passing(event: &Event) -> Option<(StepId, bool)> {
    match event {
        Event::Progressed { step, .. } => Some((*step, false)),
        Event::Retrying { step, .. } => Some((*step, true)),
        Event::Started { .. } | Event::Finished { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use limekiln_model::{Progress as Step, StepOutcome};

    use super::*;

    #[test]
    fn who_does_not_read_costs_a_few_events() {
        let progress = Progress::default();
        let step = StepId(0);
        progress.push(Event::Started { step });
        for done in 0..10_000 {
            let bytes = Step::Bytes { what: "download".to_owned(), done, total: None };
            progress.push(Event::Progressed { step, progress: bytes });
        }
        progress.push(Event::Finished { step, outcome: StepOutcome::Done });
        let told: Vec<_> = std::iter::from_fn(|| progress.take()).collect();
        assert_eq!(told.len(), 3);
        assert!(
            matches!(&told[1], Event::Progressed { progress: Step::Bytes { done: 9_999, .. }, .. }),
            "{told:?}"
        );
    }
}
