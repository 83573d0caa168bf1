//! The limits while a plan runs.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use limekiln_model::mutant::{Mutant, is_on};
use limekiln_model::{Action, Plan, StepId, Work};

use crate::Limits;
use crate::room::{Place, Room, Waiting};

/// The room that all runs of an executor share.
#[derive(Clone)]
pub(crate) struct Rooms {
    downloads: Room,
    boots: Room,
    light: Room,
}

impl Rooms {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            downloads: Room::new(limits.downloads),
            boots: Room::new(if is_on(Mutant::IgnoresLimits) { 99 } else { limits.boots }),
            light: Room::new(limits.light),
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
    /// For each step, how many wait for it one after another.
    behind: Vec<usize>,
    kept: Mutex<BTreeMap<StepId, Place>>,
}

impl Gate {
    pub(crate) fn new(rooms: &Rooms, plan: &Plan) -> Self {
        Self {
            rooms: rooms.clone(),
            heirs: heirs(plan),
            behind: behind(plan),
            kept: Mutex::default(),
        }
    }

    /// How many steps wait for this one, one after another: what is held up if it is late.
    pub(crate) fn behind(&self, id: StepId) -> usize {
        self.behind.get(id.0).copied().unwrap_or_default()
    }

    /// Asks for room.
    pub(crate) fn ask(&self, id: StepId, work: Work) -> Waiting {
        if let Some(kept) = self.lock().remove(&id) {
            return Waiting::Place(kept);
        }
        let room = match work {
            Work::Download => &self.rooms.downloads,
            Work::Boot => &self.rooms.boots,
            Work::Light => &self.rooms.light,
        };
        room.ask(self.behind(id))
    }

    /// Hands the room on to the wait that is next, or to the caller.
    pub(crate) fn leave(&self, id: StepId, done: bool, place: Place) -> Option<Place> {
        match self.heirs.get(&id).filter(|_| done) {
            Some(heir) => {
                self.lock().insert(*heir, place);
                None
            }
            None => Some(place),
        }
    }

    /// Gives back what was kept for a step that does not begin.
    pub(crate) fn forget(&self, id: StepId) {
        self.lock().remove(&id);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<StepId, Place>> {
        // A map of permits is whole at every moment.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The longest chain behind each step. Steps come after those that they wait for, so one round
/// backwards is enough.
fn behind(plan: &Plan) -> Vec<usize> {
    let mut behind = vec![0; plan.steps.len()];
    for (id, step) in plan.iter().collect::<Vec<_>>().into_iter().rev() {
        let chain = behind[id.0] + 1;
        for before in &step.after {
            if let Some(longest) = behind.get_mut(before.0) {
                *longest = chain.max(*longest);
            }
        }
    }
    behind
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
