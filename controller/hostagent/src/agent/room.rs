//! A guest that is held because the host's disk is full.
//!
//! Its hypervisor stops it where it would have to hand it an error, after which a file system is
//! read-only at best. All that it needs is to be let go on once there is room.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::api::{Phase, Shared};
use crate::chain;
use crate::driver::Machine;
use crate::events::{EventWriter, Status};

/// Between two looks, each of which lets a held guest try again.
const LOOK: Duration = Duration::from_secs(5);

const WHY: &str = "the host's disk is full: the guest is held at a write, and goes on by itself once there is room";

/// Where it is said that a guest is held.
#[derive(Clone, Debug)]
pub(super) struct Room {
    shared: Arc<Shared>,
    events: Arc<EventWriter>,
}

impl Room {
    pub(super) fn new(shared: Arc<Shared>, events: Arc<EventWriter>) -> Self {
        Self { shared, events }
    }

    /// Looks again and again.
    pub(super) async fn keep(&self, machine: &dyn Machine) -> Infallible {
        loop {
            sleep(LOOK).await;
            // One that does not answer makes a snapshot, or ends.
            let Ok(full) = machine.is_out_of_room().await else { continue };
            self.tell(full);
            if full && let Err(error) = machine.begin().await {
                tracing::warn!("the guest cannot be let go on: {}", chain(&error));
            }
        }
    }

    /// Says what has changed.
    fn tell(&self, full: bool) {
        let status = self.shared.status();
        if status.held.is_some() == full {
            return;
        }
        if full {
            tracing::error!("{WHY}");
        } else {
            tracing::info!("there is room on the host again: the guest goes on");
        }
        self.shared.update(|status| status.held = full.then(|| WHY.to_owned()));
        // Before, nobody takes it for one that runs.
        if matches!(status.phase, Phase::Running | Phase::Degraded) {
            let mut errors = status.errors;
            errors.extend(full.then(|| WHY.to_owned()));
            self.events.emit(Status {
                running: true,
                degraded: !errors.is_empty(),
                errors,
                ssh_local_port: status.ssh_local_port,
                ..Status::default()
            });
        }
    }
}
