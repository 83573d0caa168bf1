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

/// It waits for somebody else, which may take long: the watchdog is not for that.
pub fn waiting(what: &str) {
    tell(&[NotifyState::Watchdog, NotifyState::Status(what)]);
}

/// So often a look is made at least.
pub fn at_least(resync: Duration) -> Duration {
    let mut microseconds = 0;
    match sd_notify::watchdog_enabled(false, &mut microseconds) {
        true => resync.min(pause_under(Duration::from_micros(microseconds))),
        false => resync,
    }
}

/// The longest pause under a watchdog. A quarter of its time: from one look that was told of to the
/// next, there is a pause as long, and a look that may hang until it is given up.
fn pause_under(watchdog: Duration) -> Duration {
    watchdog / 4
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
    use limekiln_reconciler::ControllerOptions;

    use super::*;
    use crate::service::WATCHDOG;

    #[test]
    fn a_look_that_hangs_does_not_let_the_watchdog_bite() {
        // Sources and what manifests build on are waited for two seconds each.
        let (pause, reading) = (pause_under(WATCHDOG), Duration::from_secs(4));
        let look = ControllerOptions::default().longest_look;
        assert!(pause + reading + look < WATCHDOG, "{pause:?}, {look:?}");
    }

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
