//! What a service manager is told, if one started us: systemd's protocol of `sd_notify(3)`.
//! Elsewhere nothing happens.

use std::time::Duration;

use limekiln_reconciler::ControllerState;
use sd_notify::NotifyState;

/// The first look is done.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// A look is done: the watchdog may wait for the next, and people see what came of it.
pub fn looked(state: &ControllerState) {
    let text = match (state.is_settled(), state.busy.len()) {
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
