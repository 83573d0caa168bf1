//! What `-f` names.

use std::sync::Arc;

use async_trait::async_trait;
use limekiln_api::template::Fetch;
use limekiln_sources::lock::Lock;
use limekiln_sources::{Input, ReadOptions, Snapshot, SourceError};
use tokio::time::Instant;

use super::super::Handle;
use super::beside::Beside;
use super::loads::Loads;
use super::parts::Parts;
use super::paths::{Paths, SETTLED};
use super::unread::{Unread, hold};
use super::{Foresight, InForce, Intake, Taken, Tell, Unkept, identity_of, load, still};
use crate::load::LoadCache;
use crate::policy::{Existing, Policies};
use crate::{Loaded, ReconcileError, Reconciler};

/// Files and directories.
pub struct Files {
    paths: Paths,
    reading: Beside<Result<Vec<Snapshot>, SourceError>>,
    /// What was read last.
    read: Option<Vec<Snapshot>>,
    loads: Loads,
    lock: Option<Arc<Lock>>,
    tell: Option<Tell>,
    policies: Arc<Policies>,
    cache: Arc<LoadCache>,
    foresight: Foresight,
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
        let paths = Paths::new(inputs, options);
        let (policies, cache) = (Arc::<Policies>::default(), Arc::<LoadCache>::default());
        let of = paths.clone();
        let glance = move || of.glance();
        let foresight = Foresight::new(glance, Arc::clone(&policies), Arc::clone(&cache));
        Self {
            paths,
            reading: Beside::default(),
            read: None,
            loads: Loads::new(fetch),
            lock: None,
            tell: None,
            policies,
            cache,
            foresight,
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

    fn foresight(&self) -> Option<Foresight> {
        // What a lock says is not looked at so early.
        self.lock.is_none().then(|| self.foresight.clone())
    }
}

impl Files {
    async fn read(
        &mut self,
        reconciler: &Arc<Reconciler>,
        controller: &Handle,
    ) -> Result<Taken, ReconcileError> {
        if !self.reading.is_busy() {
            let (paths, handle) = (self.paths.clone(), controller.clone());
            self.reading.begin(controller, move || paths.read(&handle));
        }
        if let Some(read) = self.reading.ended(Instant::now() + SETTLED).await {
            let read = read.map_err(|broken| ReconcileError::Broken(broken.to_string()))?;
            self.read = Some(read?);
        }
        let loaded = match self.read.clone() {
            Some(snapshots) => self.load(snapshots, reconciler, controller).await?,
            None => Taken::default(),
        };
        Ok(self.told(loaded))
    }

    async fn load(
        &mut self,
        mut snapshots: Vec<Snapshot>,
        reconciler: &Arc<Reconciler>,
        controller: &Handle,
    ) -> Result<Taken, ReconcileError> {
        self.unkept.read(&snapshots);
        let all = snapshots.iter().map(|one| one.source.clone()).collect();
        let errors = self.in_force.put(reconciler, &mut snapshots)?;
        let now: Vec<_> = snapshots.iter().map(identity_of).collect();
        if self.loads.are_current(&now, controller).await {
            return Ok(Taken { errors, ..Taken::default() });
        }
        let (reconciler, lock) = (Arc::clone(reconciler), self.lock.clone());
        let (policies, cache) = (Arc::clone(&self.policies), Arc::clone(&self.cache));
        let work = move |parts: &Parts| {
            let lock = lock.as_deref();
            let under = (&*policies, &Existing::default());
            let mut loaded = load(&reconciler, &snapshots, parts, lock, under, &cache)?;
            hold(&mut loaded, &Unread::of(all, &snapshots), &reconciler)?;
            Ok(loaded)
        };
        let loaded = self.loads.load(now, &self.foresight, controller, work).await?;
        if let (Some(tell), Some(loaded)) = (&self.tell, &loaded) {
            tell(loaded);
        }
        Ok(Taken { loaded, errors, ..Taken::default() })
    }

    /// Tells what takes long, too.
    fn told(&self, mut taken: Taken) -> Taken {
        if let Some(since) = self.reading.since() {
            taken.errors.push(still("read", since));
        }
        if let Some(since) = self.loads.since() {
            taken.errors.push(still("loaded", since));
        }
        if !self.loads.has_loaded() && taken.loaded.is_none() {
            taken.unread.push("the manifests".to_owned());
        }
        taken
    }
}
