//! From a VM that runs to one that does not.

use super::agent::{Agent, Known};
use super::reload::Reloads;
use crate::Error;
use crate::api::{Phase, StopRequest};
use crate::driver::Machine;

/// Why the VM's life goes on to its end.
enum Next {
    Ended,
    Stop,
}

impl Agent {
    /// Waits for readiness unless the guest is known to be ready, and then for the end. When this
    /// returns, the VM is down.
    ///
    /// # Errors
    /// The VM ended in a way that a guest can't cause.
    pub(super) async fn live(
        &mut self,
        mut machine: Box<dyn Machine>,
        known: Known,
    ) -> Result<(), Error> {
        let next = self.until_end(machine.as_ref(), known).await;
        let booting = self.shared.status().phase == Phase::Booting;
        self.shared.update(|status| {
            status.phase = Phase::Stopping;
            status.waiting_for = None;
        });
        let asked = matches!(next, Next::Stop);
        if asked {
            self.stop(machine.as_ref(), booting).await;
        }
        match machine.clean_up() {
            Some(reason) if !asked => Err(Error::VmEnded { reason }),
            _ => Ok(()),
        }
    }

    async fn until_end(&mut self, machine: &dyn Machine, known: Known) -> Next {
        let _reloads = Reloads::listen(self);
        if known == Known::Ready {
            self.mounts.set(&self.spec.mounts).await;
            self.mounts.see_devices(&self.session, &self.spec.mounts).await;
        } else {
            let errors = tokio::select! {
                errors = self.wait_until_ready(known) => errors,
                () = machine.process().exited() => return Next::Ended,
                () = self.shared.stop_requested(StopRequest::Graceful) => return Next::Stop,
            };
            self.shared.update(|status| status.errors = errors);
        }
        self.announce(machine);
        tokio::select! {
            () = machine.process().exited() => Next::Ended,
            () = self.shared.stop_requested(StopRequest::Graceful) => Next::Stop,
        }
    }

    fn announce(&mut self, machine: &dyn Machine) {
        let errors = self.shared.status().errors;
        let degraded = !errors.is_empty();
        for error in &errors {
            tracing::error!("{error}");
        }
        self.shared.update(|status| {
            status.phase = if degraded { Phase::Degraded } else { Phase::Running };
            status.waiting_for = None;
        });
        self.save_state(machine, true);
        tracing::info!("the guest is {}", if degraded { "degraded" } else { "ready" });
        self.emit(|status| {
            status.running = true;
            status.degraded = degraded;
            status.errors = errors;
        });
    }
}
