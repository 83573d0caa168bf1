//! Where a controller's manifests come from.

mod configured;
mod files;
mod trusted;

use std::sync::Arc;

use async_trait::async_trait;
use limekiln_api::template::Fetch;
use limekiln_sources::Snapshot;
use limekiln_sources::lock::{Checked, Lock};

use crate::{Loaded, ReconcileError, Reconciler, Templates};

pub use configured::{Configured, ConfiguredError};
pub use files::Files;

/// Reads all sources of a controller.
#[async_trait]
pub trait Intake: Send + Sync {
    /// Reads what the sources hold now. What cannot be read is told, and what it held before
    /// stays in force.
    async fn take(&mut self, reconciler: &Arc<Reconciler>) -> Taken;
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
        Self { loaded: None, errors: vec![error.chain()] }
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
) -> Result<Loaded, ReconcileError> {
    let Some(lock) = lock else {
        return reconciler.load_snapshots(snapshots, Templates { fetch, lock: None });
    };
    let fetch = Checked::new(fetch, lock);
    reconciler.load_snapshots(snapshots, Templates { fetch: &fetch, lock: Some(lock) })
}

/// Away from the runtime's thread.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
