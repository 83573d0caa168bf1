//! Actions from their beginning to their end, however that comes.

use limekiln_model::Action;

use super::engine::Shared;
use super::state::Flight;

/// Ends the flight when it is dropped, also with the controller that dies.
pub(super) struct Guard {
    shared: Shared,
    number: u64,
}

impl Guard {
    /// Notes that the action begins, and holds it against the rules.
    pub(super) fn begin(shared: &Shared, life: u64, action: &Action) -> Self {
        let world = shared.look();
        let mut state = shared.lock();
        let number = state.begun;
        state.begun += 1;
        let id = action.object();
        state.note(&format!("{life}: {} {id}", action.verb()));
        // What a frozen process is in the middle of stands still, and what one does that was
        // replaced ends when it notices; a dead one does nothing more.
        let moving = |other: &&Flight| {
            let gone = !state.alive.contains(&other.life) || state.replaced.contains(&other.life);
            !gone && !state.frozen.contains(&other.life)
        };
        let mut others = state.flights.values().filter(moving);
        if others.any(|other| other.action.object() == id) {
            state.watch.break_rule(format!("two actions on {id} at once"));
        }
        if state.replaced.contains(&life) {
            let verb = action.verb();
            state.watch.break_rule(format!("{verb} {id} by a controller that was replaced"));
        }
        let moving = |other: &&Flight| !state.frozen.contains(&other.life);
        let moving = state.flights.values().filter(moving);
        let boots = moving.filter(|other| boots(&other.action)).count();
        if boots >= super::life::BOOTS && boots_begin(action) {
            state.watch.break_rule("more boots at once than are allowed".to_owned());
        }
        state.watch.action(action, &world);
        state.flights.insert(number, Flight { life, action: action.clone() });
        drop(state);
        Self { shared: shared.clone(), number }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.flights.remove(&self.number);
    }
}

fn boots(action: &Action) -> bool {
    matches!(action, Action::StartDriver { .. } | Action::AwaitReady { .. })
}

fn boots_begin(action: &Action) -> bool {
    matches!(action, Action::StartDriver { .. })
}
