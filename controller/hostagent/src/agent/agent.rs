//! What a host agent holds while its VM runs.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::time::Instant;

use super::networks::Networks;
use crate::api::Shared;
use crate::disks::Locks;
use crate::driver::{Driver, Machine};
use crate::events::{EventWriter, Status};
use crate::mounts::Mounts;
use crate::resolver::Resolver;
use crate::spec::{GuestSpec, VmSpec};
use crate::ssh::Session;
use crate::state::State;
use crate::{HostAgentArgs, chain};

/// One host agent, ready to start its VM or to take one over.
pub(super) struct Agent {
    pub(super) args: HostAgentArgs,
    pub(super) spec: VmSpec,
    pub(super) guest: GuestSpec,
    pub(super) instance_id: String,
    pub(super) driver: Box<dyn Driver>,
    pub(super) session: Session,
    pub(super) mounts: Arc<Mounts>,
    pub(super) shared: Arc<Shared>,
    pub(super) events: Arc<EventWriter>,
    /// What was missing on the host when the seed volume was made, in words.
    pub(super) missing: Vec<String>,
    /// What a crash left in doubt, in words.
    pub(super) doubts: Vec<String>,
    /// When the guest counts as degraded if it is not ready.
    pub(super) boot_deadline: Instant,
    /// While a VM runs.
    pub(super) networks: Option<Networks>,
    /// Where the guest's names are resolved here.
    pub(super) resolver: Option<Resolver>,
    /// Given back when the VM is down.
    pub(super) locks: Locks,
}

impl Agent {
    /// Appends to the event log what the status says now.
    pub(super) fn emit(&self, change: impl FnOnce(&mut Status)) {
        let mut status =
            Status { ssh_local_port: self.shared.status().ssh_local_port, ..Status::default() };
        change(&mut status);
        self.events.emit(status);
    }

    /// Records the running VM, so that it can be adopted. A full disk must not take a VM down, so
    /// a failure is only logged.
    pub(super) fn save_state(&self, machine: &dyn Machine, ready: bool) {
        let status = self.shared.status();
        let Some(accelerator) = status.accelerator else { return };
        let state = State {
            version: State::version(),
            driver_pid: machine.process().pid(),
            driver_start_time: machine.process().start_time(),
            ssh_local_port: status.ssh_local_port,
            instance_id: self.instance_id.clone(),
            dns_ports: self.resolver.as_ref().map(|server| server.ports),
            accelerator,
            fallback_reason: status.fallback_reason,
            started_at: status.started_at,
            ready,
            errors: status.errors,
        };
        if let Err(error) = state.write(&self.spec.files.state()) {
            tracing::error!("the VM could not be adopted: {}", chain(&error));
        }
    }

    /// Forgets the VM, which is down.
    pub(super) fn forget(&mut self) {
        self.mounts.forget();
        self.locks.release();
        let files = &self.spec.files;
        for path in [
            files.state(),
            files.booted_yaml(),
            files.booted_filled(),
            files.ssh_sock(),
            files.guest_port(),
            files.mounts_sock(),
        ] {
            // What is left is found to be stale by its pid.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// What is known of a guest that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Nothing.
    Nothing,
    /// Its SSH server answered.
    Answers,
    /// It was ready.
    Ready,
}

/// A new id for a guest at each start, as Lima makes it.
pub(super) fn new_instance_id() -> String {
    format!("iid-{}", Timestamp::now().as_second())
}
