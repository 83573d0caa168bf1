//! Where a controller's manifests come from.

use std::sync::Arc;

use async_trait::async_trait;
use limekiln_api::template::Fetch;
use limekiln_sources::lock::{Checked, Lock};
use limekiln_sources::{Input, ReadOptions, Snapshot};

use crate::{Loaded, ReconcileError, Reconciler, Templates};

/// Reads all sources of a controller.
#[async_trait]
pub trait Intake: Send + Sync {
    /// Reads what the sources hold now.
    ///
    /// # Errors
    /// If a source cannot be read whole: what it held before stays in force.
    async fn take(&mut self, reconciler: &Arc<Reconciler>) -> Result<Taken, ReconcileError>;
}

/// What the sources hold.
#[derive(Clone, Debug)]
pub enum Taken {
    /// The same as the last time.
    Same,
    /// Something else, or it is the first time.
    New(Box<Loaded>),
}

/// Shows what was read.
type Tell = Box<dyn Fn(&Loaded) + Send + Sync>;

/// Files and directories.
pub struct Files {
    inputs: Vec<Input>,
    options: ReadOptions,
    fetch: Arc<dyn Fetch + Send + Sync>,
    lock: Option<Arc<Lock>>,
    tell: Option<Tell>,
    last: Option<Vec<(String, String)>>,
}

impl Files {
    /// Reads these inputs; what their manifests build on comes from `fetch`.
    pub fn new(
        inputs: Vec<Input>,
        options: ReadOptions,
        fetch: Arc<dyn Fetch + Send + Sync>,
    ) -> Self {
        Self { inputs, options, fetch, lock: None, tell: None, last: None }
    }

    /// The same, refusing what differs from a lock.
    #[must_use]
    pub fn with_lock(self, lock: Option<Lock>) -> Self {
        Self { lock: lock.map(Arc::new), ..self }
    }

    /// The same, showing what was read each time that it is new.
    #[must_use]
    pub fn telling(self, tell: Box<dyn Fn(&Loaded) + Send + Sync>) -> Self {
        Self { tell: Some(tell), ..self }
    }
}

#[async_trait]
impl Intake for Files {
    async fn take(&mut self, reconciler: &Arc<Reconciler>) -> Result<Taken, ReconcileError> {
        let (inputs, options) = (self.inputs.clone(), self.options.clone());
        let snapshots = blocking(move || limekiln_sources::read(&inputs, &options)).await?;
        let revisions = |one: &Snapshot| (one.source.clone(), one.revision.clone());
        let now: Vec<_> = snapshots.iter().map(revisions).collect();
        if self.last.as_ref() == Some(&now) {
            return Ok(Taken::Same);
        }
        let (reconciler, fetch) = (Arc::clone(reconciler), Arc::clone(&self.fetch));
        let lock = self.lock.clone();
        let load = move || load(&reconciler, &snapshots, fetch.as_ref(), lock.as_deref());
        let loaded = Box::new(blocking(load).await?);
        self.last = Some(now);
        if let Some(tell) = &self.tell {
            tell(&loaded);
        }
        Ok(Taken::New(loaded))
    }
}

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
