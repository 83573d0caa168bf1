//! Observe, plan, execute.

mod by_hand;
mod execute;
mod filled;
mod load_manifests;
mod look;
mod plan;
mod settle;
mod tell;

use std::sync::Arc;

use limekiln_api::HostFacts;
use limekiln_engine::Engine;
use limekiln_executor::Limits;
use limekiln_model::{Capabilities, Desired};
use tracing::warn;

use filled::LastFilled;
use look::LastLook;

use crate::error::chain;
use crate::requests::Remembered;
use crate::{
    Claims, History, Home, Journal, Ledger, Prints, ReconcileError, Requests, RequestsError,
    StatusStore,
};

/// Brings the VMs of one home to where manifests want them.
///
/// Methods that change something take the home's lock; the others take none and write nothing.
pub struct Reconciler {
    engine: Arc<dyn Engine>,
    home: Home,
    facts: HostFacts,
    limits: Limits,
    ledger: Ledger,
    last: LastLook,
    filled: LastFilled,
    prints: Prints,
    requests: Remembered,
    history: Arc<History>,
    statuses: StatusStore,
}

impl Reconciler {
    /// A reconciler of a home, with the engine that makes its instances.
    pub fn new(engine: Arc<dyn Engine>, home: Home, facts: HostFacts) -> Self {
        let limits = Limits::for_host(facts.cpus);
        let ledger = Ledger::new(&home);
        let statuses = StatusStore::new(&home);
        let history = Arc::new(History::new(&home));
        Self {
            engine,
            home,
            facts,
            limits,
            ledger,
            last: LastLook::default(),
            filled: LastFilled::default(),
            prints: Prints::default(),
            requests: Remembered::default(),
            history,
            statuses,
        }
    }

    /// With other limits than the host suggests.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The home.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// What the engine can do.
    pub fn capabilities(&self) -> Capabilities {
        self.engine.capabilities()
    }

    /// What was done, for `events`.
    pub fn journal(&self) -> Journal {
        Journal::new(&self.home)
    }

    /// What the sources of a controller held.
    pub fn history(&self) -> Arc<History> {
        Arc::clone(&self.history)
    }

    /// What people ask for beside the manifests. The file is looked at each time, and read when it
    /// has changed.
    ///
    /// # Errors
    /// If it is there and cannot be read.
    pub(crate) fn requests(&self) -> Result<Arc<Requests>, RequestsError> {
        self.requests.read(&self.home)
    }

    /// Takes up and ends acknowledgements, now that these manifests are in force. If the file cannot
    /// be read or written, or somebody else is at it, that is told, and done the next time.
    pub(crate) fn take_up_requests(&self, desired: &Desired) {
        if let Err(error) = self.try_take_up(desired) {
            warn!("what was acknowledged cannot be taken up: {}", chain(&error));
        }
    }

    fn try_take_up(&self, desired: &Desired) -> Result<(), RequestsError> {
        let now = self.requests()?;
        let mut then = Requests::clone(&now);
        then.take_up(desired);
        if then != *now {
            Requests::change_now(&self.home, |requests| requests.take_up(desired))?;
        }
        Ok(())
    }

    /// What is ours.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn claims(&self) -> Result<Arc<Claims>, ReconcileError> {
        self.home.check()?;
        let claims = self.ledger.read()?;
        for path in &claims.damaged {
            warn!("{} is damaged; its object is not managed until adopted", path.display());
        }
        Ok(claims)
    }
}
