//! Where a controller's manifests come from.

mod configured;
mod files;
mod repository;
mod trusted;

use std::sync::Arc;

use async_trait::async_trait;
use limekiln_api::template::Fetch;
use limekiln_sources::Snapshot;
use limekiln_sources::lock::{Checked, Lock};

use super::Handle;
use crate::history::pinned;
use crate::policy::Policies;
use crate::{History, Home, Loaded, ReconcileError, Reconciler, Requests, Templates};

pub use configured::{Configured, ConfiguredError};
pub use files::Files;

/// Reads all sources of a controller.
#[async_trait]
pub trait Intake: Send + Sync {
    /// Reads what the sources hold now. What cannot be read is told, and what it held before
    /// stays in force. What takes long goes on beside, and wakes the controller when it is done.
    async fn take(&mut self, reconciler: &Arc<Reconciler>, controller: &Handle) -> Taken;
}

/// What the sources hold.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// The manifests of all, if anything about them is new.
    pub loaded: Option<Box<Loaded>>,
    /// What could not be read, and why.
    pub errors: Vec<String>,
}

impl Taken {
    fn failed(error: &ReconcileError) -> Self {
        Self { loaded: None, errors: vec![error.told()] }
    }
}

/// Shows what was read.
type Tell = Box<dyn Fn(&Loaded) + Send + Sync>;

/// Loads snapshots, and holds them against a lock if there is one.
fn load(
    reconciler: &Reconciler,
    snapshots: &[Snapshot],
    fetch: &dyn Fetch,
    lock: Option<&Lock>,
    policies: &Policies,
) -> Result<Loaded, ReconcileError> {
    let Some(lock) = lock else {
        let templates = Templates { fetch, lock: None };
        return reconciler.load_snapshots_under(snapshots, templates, policies);
    };
    let templates = Templates { fetch: &Checked::new(fetch, lock), lock: Some(lock) };
    reconciler.load_snapshots_under(snapshots, templates, policies)
}

/// Away from the runtime's thread.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Keeps what was read, and puts what is in force in its place.
fn in_force(home: &Home, snapshots: &mut [Snapshot]) -> Result<(), ReconcileError> {
    let requests = Requests::read(home)?;
    let history = History::new(home);
    for snapshot in snapshots {
        if let Err(error) = history.note(snapshot) {
            tracing::warn!("the revision cannot be kept for a rollback: {error}");
        }
        let pinned = pinned(snapshot, &requests, &history).map_err(ReconcileError::History)?;
        if let Some(pinned) = pinned {
            *snapshot = pinned;
        }
    }
    Ok(())
}
