//! Stopping a VM.

use tokio::time::{Instant, sleep_until};

use super::agent::Agent;
use crate::accel::Outcome;
use crate::api::StopRequest;
use crate::chain;
use crate::driver::{Machine, power};

impl Agent {
    /// Presses the power button and waits; then, or when told to, cuts the power. When this
    /// returns, the VM is down.
    ///
    /// A guest that is `booting` may hang, and then never hears the button. One that is silent and
    /// has written nothing has nothing to lose.
    pub(super) async fn stop(&self, machine: &dyn Machine, booting: bool) {
        tracing::info!("stopping");
        let deadline = Instant::now() + self.args.stop_timeout;
        let gracefully = async {
            self.shared.waits_for("the guest to unmount what the host shares");
            self.mounts.stop().await;
            self.session.exit().await;
            self.shared.waits_for("the guest to switch itself off");
            power::press(machine).await
        };
        let hangs = async {
            if booting && let Outcome::Stalled(reason) = self.watchdog().watch(machine).await {
                return reason;
            }
            std::future::pending().await
        };
        let reason = tokio::select! {
            pressed = gracefully => match pressed {
                Ok(()) => return,
                Err(error) => chain(&error),
            },
            () = machine.process().exited() => return,
            reason = hangs => reason,
            () = sleep_until(deadline) => "the guest did not switch itself off in time".to_owned(),
            () = self.shared.stop_requested(StopRequest::Force) => "told to".to_owned(),
        };
        tracing::warn!("cutting the VM's power: {reason}");
        power::cut(machine).await;
    }
}
