//! From a VM that runs to one that does not.

use std::sync::Arc;

use super::agent::{Agent, Known};
use super::room::Room;
use super::services::Services;
use super::{drift, orders, reload};
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
        if self.networks.is_none() {
            self.networks = Some(self.keep_networks(machine.as_ref()));
        }
        let services = self.start_services();
        let room = Room::new(Arc::clone(&self.shared), Arc::clone(&self.events));
        let next = tokio::select! {
            next = self.until_end(machine.as_ref(), known, &services) => next,
            never = room.keep(machine.as_ref()) => match never {},
        };
        let booting = self.shared.status().phase == Phase::Booting;
        self.shared.update(|status| {
            status.phase = Phase::Stopping;
            status.waiting_for = None;
        });
        let asked = matches!(next, Next::Stop);
        if asked {
            services.stop(self).await;
            // A guest that is held cannot shut down.
            tokio::select! {
                () = self.stop(machine.as_ref(), booting) => {}
                never = room.keep(machine.as_ref()) => match never {},
            }
        }
        if let Some(networks) = self.networks.take() {
            networks.end().await;
        }
        self.remove_copies();
        match machine.clean_up() {
            Some(reason) if !asked => Err(Error::VmEnded { reason }),
            _ => Ok(()),
        }
    }

    async fn until_end(
        &mut self,
        machine: &dyn Machine,
        known: Known,
        services: &Services,
    ) -> Next {
        let _reloads = reload::listen(self);
        let _orders = orders::listen(self, machine, known);
        if known == Known::Ready {
            self.mounts.set(&self.spec.mounts).await;
            self.mounts.see_devices(&self.session, &self.spec.mounts).await;
            self.learn_steps().await;
        } else {
            let errors = tokio::select! {
                errors = self.all_ready(known, services) => errors,
                () = machine.process().exited() => return Next::Ended,
                () = self.shared.stop_requested(StopRequest::Graceful) => return Next::Stop,
            };
            self.shared.update(|status| status.errors = errors);
        }
        self.announce(machine);
        let _drift = drift::watch(self);
        tokio::select! {
            () = machine.process().exited() => Next::Ended,
            () = self.shared.stop_requested(StopRequest::Graceful) => Next::Stop,
            next = self.tell_loss(machine) => next,
        }
    }

    /// Says what the guest loses while it runs. Never returns: it runs on.
    async fn tell_loss(&self, machine: &dyn Machine) -> Next {
        let loss = machine.lost().await;
        // A host agent before this one may have said it.
        if !self.shared.status().errors.contains(&loss) {
            self.shared.update(|status| status.errors.push(loss));
            self.announce(machine);
        }
        std::future::pending().await
    }

    /// Waits for the guest and for its agent. Returns what failed.
    async fn all_ready(&self, known: Known, services: &Services) -> Vec<String> {
        let mut errors = self.wait_until_ready(known).await;
        errors.extend(self.doubts.iter().chain(&self.missing).cloned());
        if self.missing.is_empty() {
            self.shared.waits_for("the guest agent");
            errors.extend(services.guest_agent().await.err());
        }
        errors.extend(self.copy_to_host().await);
        errors
    }

    fn announce(&self, machine: &dyn Machine) {
        let status = self.shared.status();
        let errors: Vec<String> = status.errors.into_iter().chain(status.held).collect();
        let degraded = !errors.is_empty();
        for error in &errors {
            tracing::error!("{error}");
        }
        self.shared.update(|status| {
            let failed = !status.errors.is_empty();
            status.phase = if failed { Phase::Degraded } else { Phase::Running };
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
