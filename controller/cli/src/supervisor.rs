//! What a service manager is told, if one started us: systemd's protocol of `sd_notify(3)`.
//! Elsewhere nothing happens.

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

/// It comes to an end.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(states: &[NotifyState<'_>]) {
    // Who cannot be told is not there.
    let _ = sd_notify::notify(false, states);
}
