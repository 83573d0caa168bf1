//! What a service manager is told, if one started us: systemd's protocol of `sd_notify(3)`.
//! Elsewhere nothing happens.

use std::time::{Duration, Instant};

use limekiln_reconciler::ControllerState;
use sd_notify::NotifyState;

/// A first answer of a source is waited for no longer than this: managers give up on who is not
/// ready after a minute and a half, and git on a remote after two.
const LONGEST: Duration = Duration::from_secs(60);

/// Tells once that the first look is done that knew what every source holds, or why it cannot be
/// read. What comes after this service then finds its VMs begun.
pub struct Ready {
    begun: Instant,
    told: bool,
}

impl Ready {
    /// Nothing was told yet.
    pub fn new() -> Self {
        Self { begun: Instant::now(), told: false }
    }

    /// To be called after each look.
    pub fn looked(&mut self, state: &ControllerState) {
        if !self.told && is_ready(state, self.begun.elapsed()) {
            self.told = true;
            tell(&[NotifyState::Ready]);
        }
    }
}

fn is_ready(state: &ControllerState, since: Duration) -> bool {
    state.passes > 0 && (state.unread.is_empty() || since >= LONGEST)
}

/// A look is done: the watchdog may wait for the next, and people see what came of it.
pub fn looked(state: &ControllerState) {
    let text = match (state.is_settled(), state.busy.len()) {
        _ if !state.unread.is_empty() => format!("reads {}", state.unread.join(", ")),
        (true, _) => "all is as wanted".to_owned(),
        (false, 0) => "waits".to_owned(),
        (false, busy) => format!("works on {busy}"),
    };
    tell(&[NotifyState::Watchdog, NotifyState::Status(&text)]);
}

/// So often a look is made at least: twice in the time after which the watchdog would bite.
pub fn at_least(resync: Duration) -> Duration {
    let mut microseconds = 0;
    match sd_notify::watchdog_enabled(false, &mut microseconds) {
        true => resync.min(Duration::from_micros(microseconds / 2)),
        false => resync,
    }
}

/// It comes to an end.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(states: &[NotifyState<'_>]) {
    // Who cannot be told is not there.
    let _ = sd_notify::notify(false, states);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ready_when_every_source_was_read_or_said_why_not() {
        let seconds = Duration::from_secs;
        let mut state = ControllerState::default();
        assert!(!is_ready(&state, seconds(1)), "nothing was looked at");
        state.passes = 1;
        state.unread = vec!["team".to_owned()];
        assert!(!is_ready(&state, seconds(1)), "one look says nothing about a slow source");
        assert!(is_ready(&state, LONGEST), "but it is not waited for until the manager gives up");
        // Looks may come faster than they are told.
        state.passes = 3;
        state.unread.clear();
        assert!(is_ready(&state, seconds(1)));
    }
}
