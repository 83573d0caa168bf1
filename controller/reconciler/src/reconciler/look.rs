//! Looks at what exists.

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use limekiln_api::mutant::{Mutant, is_on};
use limekiln_model::{Desired, Host, ObjectId, Observed, Owner, Shared};
use tokio::time::timeout;

use super::Reconciler;
use crate::{Claims, ReconcileError, ports};

/// Who owns what exists.
type Owners = Shared<BTreeMap<ObjectId, Owner>>;

/// What the last look found, so that the owners are made out anew only when something came, went
/// or changed hands.
#[derive(Default)]
pub(super) struct LastLook(Mutex<Option<(Observed, Arc<Claims>)>>);

impl LastLook {
    fn owners(&self, observed: &Observed, claims: &Arc<Claims>) -> Owners {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |(seen, then): &&(Observed, Arc<Claims>)| {
            Arc::ptr_eq(then, claims) && seen.ids().eq(observed.ids())
        };
        if let Some((seen, _)) = last.as_ref().filter(same) {
            return seen.owners.clone();
        }
        let existing = claims.by_id.iter().filter(|(id, _)| observed.exists(id));
        let owners: Owners =
            existing.map(|(id, claim)| (id.clone(), claim.owner.clone())).collect();
        let seen = Observed { owners: owners.clone(), ..observed.clone() };
        *last = Some((seen, Arc::clone(claims)));
        owners
    }
}

impl Reconciler {
    /// Looks at everything.
    ///
    /// # Errors
    /// If the home or the ledger cannot be read.
    pub async fn observe(&self) -> Result<Observed, ReconcileError> {
        Ok(self.look().await?.0)
    }

    /// The same within a bound.
    ///
    /// # Errors
    /// As [`Self::observe`], or if it takes longer.
    pub async fn observe_within(&self, limit: Duration) -> Result<Observed, ReconcileError> {
        Ok(self.look_within(limit).await?.0)
    }

    /// The same with the ledger that it was seen with.
    pub(crate) async fn look(&self) -> Result<(Observed, Arc<Claims>), ReconcileError> {
        let mut engine = std::pin::pin!(self.engine.observe());
        // An engine that looks at files does so beside this; the ledger is read meanwhile.
        let first = poll_fn(|context| Poll::Ready(engine.as_mut().poll(context))).await;
        let claims = self.claims()?;
        let observed = match first {
            Poll::Ready(observed) => observed,
            Poll::Pending => engine.await,
        };
        let mut observed = observed.map_err(ReconcileError::Observe)?;
        let restarting = claims.by_id.values().filter(|claim| claim.restarting);
        observed.restarting = restarting.map(|claim| claim.id.name.clone()).collect();
        observed.owners = self.last.owners(&observed, &claims);
        observed.host = Some(self.host(&observed, Default::default()));
        Ok((observed, claims))
    }

    /// The same within a bound, with the ledger.
    ///
    /// # Errors
    /// As [`Self::look`], or if it takes longer.
    pub(crate) async fn look_within(
        &self,
        limit: Duration,
    ) -> Result<(Observed, Arc<Claims>), ReconcileError> {
        let patience = if is_on(Mutant::LooksForever) { Duration::MAX } else { limit };
        let looked = timeout(patience, self.look()).await;
        looked.map_err(|_| ReconcileError::Hangs(limit.as_secs()))?
    }

    /// Looks at everything, also at who has the ports that are asked for.
    pub(super) async fn observe_for(&self, desired: &Desired) -> Result<Observed, ReconcileError> {
        Ok(self.with_ports(self.observe().await?, desired))
    }

    pub(super) fn with_ports(&self, mut observed: Observed, desired: &Desired) -> Observed {
        let taken_ports = ports::taken(desired, &observed);
        observed.host = Some(self.host(&observed, taken_ports));
        observed
    }

    /// What an engine that looks at the host saw of it, with what this one knows itself.
    fn host(&self, observed: &Observed, taken_ports: BTreeSet<u16>) -> Host {
        let seen = observed.host.as_ref();
        let interfaces = seen.map(|host| host.interfaces.clone()).unwrap_or_default();
        Host { facts: self.facts.clone(), taken_ports, interfaces }
    }
}
