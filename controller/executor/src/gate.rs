//! The limits while a plan runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use limekiln_model::mutant::{Mutant, is_on};
use limekiln_model::{Action, Plan, StepId, Work};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Limits;

/// The room that all runs of an executor share.
#[derive(Clone)]
pub(crate) struct Rooms {
    downloads: Arc<Semaphore>,
    boots: Arc<Semaphore>,
    light: Arc<Semaphore>,
}

impl Rooms {
    pub(crate) fn new(limits: &Limits) -> Self {
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits.max(1)));
        Self {
            downloads: semaphore(limits.downloads),
            boots: semaphore(if is_on(Mutant::IgnoresLimits) { 99 } else { limits.boots }),
            light: semaphore(limits.light),
        }
    }
}

/// Lets the steps of one plan in as the limits allow.
///
/// A guest that boots counts from its start until it is ready. So the permit of a start is handed
/// on to the wait that follows it; otherwise all drivers would be started at once and only the
/// waits be limited.
pub(crate) struct Gate {
    rooms: Rooms,
    /// For a start: the wait that gets its permit.
    heirs: BTreeMap<StepId, StepId>,
    kept: Mutex<BTreeMap<StepId, OwnedSemaphorePermit>>,
}

impl Gate {
    pub(crate) fn new(rooms: &Rooms, plan: &Plan) -> Self {
        Self { rooms: rooms.clone(), heirs: heirs(plan), kept: Mutex::default() }
    }

    /// Waits for room.
    pub(crate) async fn enter(&self, id: StepId, work: Work) -> OwnedSemaphorePermit {
        if let Some(kept) = self.lock().remove(&id) {
            return kept;
        }
        let semaphore = match work {
            Work::Download => &self.rooms.downloads,
            Work::Boot => &self.rooms.boots,
            Work::Light => &self.rooms.light,
        };
        Arc::clone(semaphore).acquire_owned().await.expect("the semaphores are never closed")
    }

    /// Gives the room back, or hands it on to the wait that is next.
    pub(crate) fn leave(&self, id: StepId, done: bool, permit: OwnedSemaphorePermit) {
        if let (true, Some(heir)) = (done, self.heirs.get(&id)) {
            self.lock().insert(*heir, permit);
        }
    }

    /// Gives back what was kept for a step that does not begin.
    pub(crate) fn forget(&self, id: StepId) {
        self.lock().remove(&id);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<StepId, OwnedSemaphorePermit>> {
        // A map of permits is whole at every moment.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits that come after nothing but their start. One that comes after something else too could
/// keep a permit that this something needs.
fn heirs(plan: &Plan) -> BTreeMap<StepId, StepId> {
    let waits = plan.iter().filter_map(|(id, step)| match (&step.action, step.after.as_slice()) {
        (Action::AwaitReady { instance }, [before]) => Some((id, instance, *before)),
        _ => None,
    });
    waits
        .filter(|(_, instance, before)| {
            let before = plan.step(*before).map(|step| &step.action);
            matches!(before, Some(Action::StartDriver { instance: started }) if started == *instance)
        })
        .map(|(id, _, before)| (before, id))
        .collect()
}
