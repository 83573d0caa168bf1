//! The engine.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use limekiln_api::Lima;
use limekiln_engine::{ActionContext, Engine, EngineError, ErrorClass};
use limekiln_model::{Action, Capabilities, Observed};

use crate::random::Random;
use crate::{Entry, Fault, FaultKind, Outcome, World};

/// A strict engine in memory.
pub struct SimEngine {
    capabilities: Capabilities,
    pace: Option<fn(&Action) -> Duration>,
    inner: Mutex<Inner>,
}

struct Inner {
    world: World,
    log: Vec<Entry>,
    faults: Vec<Fault>,
    random: Random,
    failures_per_mille: u64,
    stale: Vec<Observed>,
    normalise: Option<fn(&mut Lima)>,
    failing: Option<fn(&Action) -> Option<ErrorClass>>,
}

impl SimEngine {
    /// An engine with nothing in it, which can do everything except live changes. The seed
    /// decides which actions fail under [`SimEngine::with_failures`].
    pub fn new(seed: u64) -> Self {
        let capabilities = Capabilities {
            engine: "sim".to_owned(),
            networks: true,
            mounts: true,
            forwards: true,
            ..Capabilities::default()
        };
        let inner = Inner {
            world: World::default(),
            log: Vec::new(),
            faults: Vec::new(),
            random: Random::new(seed),
            failures_per_mille: 0,
            stale: Vec::new(),
            normalise: None,
            failing: None,
        };
        Self { capabilities, pace: None, inner: Mutex::new(inner) }
    }

    /// The same with other capabilities.
    #[must_use]
    pub fn with_capabilities(mut self, change: impl FnOnce(&mut Capabilities)) -> Self {
        change(&mut self.capabilities);
        self
    }

    /// The same with these instances, disks, networks and parked objects.
    #[must_use]
    pub fn with_world(self, world: World) -> Self {
        self.lock().world = world;
        self
    }

    /// The same with so many of 1,000 actions failing transiently, as the seed decides.
    #[must_use]
    pub fn with_failures(self, per_mille: u64) -> Self {
        self.lock().failures_per_mille = per_mille;
        self
    }

    /// The same, changing every configuration that it stores, as some drivers do.
    #[must_use]
    pub fn normalising(self, normalise: fn(&mut Lima)) -> Self {
        self.lock().normalise = Some(normalise);
        self
    }

    /// The same with actions that take their time, and can be cancelled meanwhile. Without it
    /// they are done at once.
    #[must_use]
    pub fn taking(self, pace: fn(&Action) -> Duration) -> Self {
        Self { pace: Some(pace), ..self }
    }

    /// The same with actions that always fail.
    #[must_use]
    pub fn failing(self, failing: fn(&Action) -> Option<ErrorClass>) -> Self {
        self.lock().failing = Some(failing);
        self
    }

    /// Adds a fault.
    pub fn inject(&self, fault: Fault) {
        self.lock().faults.push(fault);
    }

    /// The next observation is this one, however things are.
    pub fn serve_stale(&self, observed: Observed) {
        self.lock().stale.push(observed);
    }

    /// Changes the world from outside, as a user with other tools does.
    pub fn outside<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut inner = self.lock();
        inner.world.touch();
        change(&mut inner.world)
    }

    /// What was performed so far.
    pub fn log(&self) -> Vec<Entry> {
        self.lock().log.clone()
    }

    /// How many actions were asked for so far.
    pub fn performed(&self) -> usize {
        self.lock().log.len()
    }

    /// Virtual milliseconds since the beginning.
    pub fn elapsed_ms(&self) -> u64 {
        self.lock().world.clock_ms
    }

    /// [`Engine::observe`] without a runtime.
    pub fn look(&self) -> Observed {
        let mut inner = self.lock();
        inner.stale.pop().unwrap_or_else(|| inner.world.observed.clone())
    }

    /// [`Engine::perform`] without a runtime.
    ///
    /// # Errors
    /// As [`Engine::perform`].
    pub fn act(&self, action: &Action) -> Result<(), EngineError> {
        let mut inner = self.lock();
        let result = inner.act(action, &self.capabilities);
        let outcome = match &result {
            Ok(()) => Outcome::Done,
            Err(error) => Outcome::Failed(error.class),
        };
        let at_ms = inner.world.clock_ms;
        inner.log.push(Entry { action: action.clone(), outcome, at_ms });
        result
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn act(&mut self, action: &Action, capabilities: &Capabilities) -> Result<(), EngineError> {
        let died = || EngineError::new(ErrorClass::Unknown, "the controller died here");
        let number = self.log.len();
        let fault = self.faults.iter().find(|fault| fault.at == number).map(|fault| fault.kind);
        let unlucky =
            self.failures_per_mille > 0 && self.random.below(1000) < self.failures_per_mille;
        match fault {
            None if let Some(class) = self.failing.and_then(|failing| failing(action)) => {
                Err(EngineError::new(class, "it always fails"))
            }
            None if unlucky => Err(EngineError::transient("a fault from the seed")),
            None => self.apply(action, capabilities),
            Some(FaultKind::Fail(class)) => Err(EngineError::new(class, "an injected fault")),
            Some(FaultKind::Panic) => {
                // Once: it is not logged, so the next action has the same number.
                self.faults.retain(|fault| fault.at != number);
                panic!("an injected fault")
            }
            Some(FaultKind::CrashBefore) => Err(died()),
            Some(FaultKind::CrashInside) => {
                self.world.apply_half(action, capabilities)?;
                Err(died())
            }
            Some(FaultKind::CrashAfter) => {
                self.apply(action, capabilities)?;
                Err(died())
            }
        }
    }

    fn apply(&mut self, action: &Action, capabilities: &Capabilities) -> Result<(), EngineError> {
        self.world.apply(action, capabilities)?;
        if let Some(normalise) = self.normalise {
            let instance = self.world.observed.instance_mut(&action.object().name);
            if let Some(config) = instance.and_then(|instance| instance.config.as_mut()) {
                normalise(Arc::make_mut(config));
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Engine for SimEngine {
    fn capabilities(&self) -> Capabilities {
        self.capabilities.clone()
    }

    fn unsupported_fields(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    async fn observe(&self) -> Result<Observed, EngineError> {
        Ok(self.look())
    }

    async fn perform(&self, action: &Action, context: &ActionContext) -> Result<(), EngineError> {
        if context.cancel.is_cancelled() {
            return Err(EngineError::cancelled());
        }
        if let Some(pace) = self.pace {
            tokio::select! {
                biased;
                () = context.cancel.cancelled() => return Err(EngineError::cancelled()),
                () = tokio::time::sleep(pace(action)) => {}
            }
        }
        self.act(action)
    }
}
