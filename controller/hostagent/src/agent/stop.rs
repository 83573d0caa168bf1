//! Stopping a VM.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::agent::Agent;
use crate::api::StopRequest;
use crate::chain;
use crate::driver::Machine;

/// A guest that still boots may miss the power button, so it is pressed again; one that shuts
/// down does not mind.
const PRESS_AGAIN: Duration = Duration::from_secs(2);

impl Agent {
    /// Presses the power button and waits; then, or when told to, kills. When this returns, the
    /// VM is down.
    pub(super) async fn stop(&self, machine: &dyn Machine) {
        tracing::info!("stopping");
        let deadline = Instant::now() + self.args.stop_timeout;
        let gracefully = async {
            self.session.exit().await;
            loop {
                if let Err(error) = machine.power_button().await {
                    // A QEMU that does not hear the button would not hear it later either.
                    return chain(&error);
                }
                self.shared.waits_for("the guest to switch itself off");
                sleep(PRESS_AGAIN).await;
            }
        };
        let reason = tokio::select! {
            () = machine.process().exited() => return,
            reason = gracefully => reason,
            () = sleep_until(deadline) => "the guest did not switch itself off in time".to_owned(),
            () = self.shared.stop_requested(StopRequest::Force) => "told to".to_owned(),
        };
        tracing::warn!("killing the VM: {reason}");
        machine.process().kill();
        machine.process().exited().await;
    }
}
