//! What `-f` names.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use limekiln_api::template::Fetch;
use limekiln_sources::lock::Lock;
use limekiln_sources::{Input, ReadOptions, Reader};

use super::super::Handle;
use super::unread::hold;
use super::{InForce, Intake, Taken, Tell, Unkept, blocking, identity_of, load};
use crate::load::LoadCache;
use crate::policy::Policies;
use crate::{Loaded, ReconcileError, Reconciler};

/// Files and directories.
pub struct Files {
    inputs: Vec<Input>,
    options: ReadOptions,
    fetch: Arc<dyn Fetch + Send + Sync>,
    lock: Option<Arc<Lock>>,
    tell: Option<Tell>,
    last: Option<Vec<(String, String)>>,
    reader: Arc<Mutex<Reader>>,
    cache: Arc<LoadCache>,
    unkept: Unkept,
    in_force: InForce,
}

impl Files {
    /// Reads these inputs; what their manifests build on comes from `fetch`.
    pub fn new(
        inputs: Vec<Input>,
        options: ReadOptions,
        fetch: Arc<dyn Fetch + Send + Sync>,
    ) -> Self {
        Self {
            inputs,
            options,
            fetch,
            lock: None,
            tell: None,
            last: None,
            reader: Arc::default(),
            cache: Arc::default(),
            unkept: Unkept::default(),
            in_force: InForce::default(),
        }
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
    async fn take(&mut self, reconciler: &Arc<Reconciler>, controller: &Handle) -> Taken {
        match self.read(reconciler, controller).await {
            Ok(taken) => taken,
            Err(error) => Taken::failed(&error),
        }
    }

    async fn keep(&mut self, reconciler: &Arc<Reconciler>) {
        self.unkept.keep(reconciler).await;
    }
}

impl Files {
    async fn read(
        &mut self,
        reconciler: &Arc<Reconciler>,
        controller: &Handle,
    ) -> Result<Taken, ReconcileError> {
        let (inputs, options) = (self.inputs.clone(), self.options.clone());
        let (reader, controller) = (Arc::clone(&self.reader), controller.clone());
        let read = move || {
            let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
            reader.read_telling(&inputs, &options, &|| controller.soon())
        };
        let mut snapshots = blocking(read).await?;
        self.unkept.read(&snapshots);
        let all = snapshots.iter().map(|one| one.source.clone()).collect();
        let errors = self.in_force.put(reconciler, &mut snapshots)?;
        let now: Vec<_> = snapshots.iter().map(identity_of).collect();
        if self.last.as_ref() == Some(&now) {
            return Ok(Taken { errors, ..Taken::default() });
        }
        let (reconciler, fetch) = (Arc::clone(reconciler), Arc::clone(&self.fetch));
        let (lock, cache) = (self.lock.clone(), Arc::clone(&self.cache));
        let read = move || {
            let policies = Policies::default();
            let mut loaded =
                load(&reconciler, &snapshots, fetch.as_ref(), lock.as_deref(), &policies, &cache)?;
            hold(&mut loaded, all, &snapshots, &reconciler)?;
            Ok::<_, ReconcileError>(loaded)
        };
        let loaded = Box::new(blocking(read).await?);
        self.last = Some(now);
        if let Some(tell) = &self.tell {
            tell(&loaded);
        }
        Ok(Taken { loaded: Some(loaded), errors, ..Taken::default() })
    }
}
