//! An engine that keeps the ledger in step with what is done.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use limekiln_api::mutant::{Mutant, is_on};
use limekiln_api::{FieldError, Lima};
use limekiln_engine::{ActionContext, Engine, EngineError, ErrorClass};
use limekiln_model::{Action, Capabilities, Fingerprint, ObjectId, Observed, Plan, fingerprint};

use super::{Claim, Ledger, LedgerError, Owners};

/// Stands between the executor and the engine, so that no order of steps can forget the ledger.
///
/// A claim is written before its object begins to exist and goes after the object is gone: a
/// crash in between leaves a claim on nothing, which is harmless, and never an object of ours
/// that nobody knows of.
pub(crate) struct LedgerEngine {
    inner: Arc<dyn Engine>,
    ledger: Ledger,
    owners: Arc<Owners>,
    restarts: BTreeSet<ObjectId>,
    remade: BTreeSet<ObjectId>,
    /// The plan is of objects that were named by hand, not of manifests.
    by_hand: bool,
}

impl LedgerEngine {
    /// An engine that runs this plan; `owners` says whose the objects will be that it makes.
    pub(crate) fn new(
        inner: Arc<dyn Engine>,
        ledger: Ledger,
        plan: &Plan,
        owners: Arc<Owners>,
    ) -> Self {
        let with = |like: fn(&Action) -> bool| {
            let steps = plan.steps.iter().filter(move |step| like(&step.action));
            steps.map(|step| step.action.object()).collect::<BTreeSet<_>>()
        };
        let started = with(|action| matches!(action, Action::StartDriver { .. }));
        let made = with(|action| matches!(action, Action::CreateInstance { .. }));
        let stopped = with(|action| matches!(action, Action::StopInstance { .. }));
        let parked = with(|action| matches!(action, Action::Park { .. }));
        let restarts = started.intersection(&stopped).cloned().collect();
        let remade = made.intersection(&parked).cloned().collect();
        let by_hand = plan.basis.revision.is_empty();
        Self { inner, ledger, owners, restarts, remade, by_hand }
    }

    async fn create(&self, action: &Action, context: &ActionContext) -> Result<(), EngineError> {
        let id = action.object();
        let before = self.ledger.get(&id).map_err(failed)?;
        let owner = self.owners.get(&id);
        let claim = before.clone().or_else(|| Some(Claim::new(id.clone(), owner?.clone())));
        if is_on(Mutant::ClaimsTooLate) {
            self.inner.perform(action, context).await?;
        }
        let intent = self.intend(action, claim, before.is_none())?;
        let made = self.inner.perform(action, context).await;
        let ours = before.is_none() || self.remade.contains(&id);
        self.withdraw(intent.filter(|_| ours).as_ref(), &made)?;
        made?;
        self.applied(action)
    }

    async fn edit(&self, action: &Action, context: &ActionContext) -> Result<(), EngineError> {
        let claim = self.ledger.get(&action.object()).map_err(failed)?;
        self.intend(action, claim, false)?;
        self.inner.perform(action, context).await?;
        self.applied(action)
    }

    /// Notes what is about to be stored, and the claim itself if it is `fresh`; what was noted.
    fn intend(
        &self,
        action: &Action,
        claim: Option<Claim>,
        fresh: bool,
    ) -> Result<Option<Claim>, EngineError> {
        let print = stored(action);
        let Some(claim) = claim.filter(|_| fresh || print.is_some()) else { return Ok(None) };
        let claim = Claim { applying: print, ..claim };
        self.ledger.put(&claim).map_err(failed)?;
        Ok(Some(claim))
    }

    /// If nothing was done because somebody else's object is in the way, the claim on it goes that
    /// was put here; whoever made the object may have claimed it since.
    fn withdraw(
        &self,
        claim: Option<&Claim>,
        made: &Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        match (made, claim) {
            (Err(error), Some(claim)) if error.class == ErrorClass::Precondition => {
                self.ledger.forget_claim(claim).map_err(failed)
            }
            _ => Ok(()),
        }
    }

    /// Notes what was stored.
    fn applied(&self, action: &Action) -> Result<(), EngineError> {
        let Some(print) = stored(action) else { return Ok(()) };
        match self.ledger.get(&action.object()).map_err(failed)? {
            Some(claim) => {
                let applied = Claim { applied: Some(print), applying: None, ..claim };
                self.ledger.put(&applied).map_err(failed)
            }
            None => Ok(()),
        }
    }

    async fn park(
        &self,
        id: &ObjectId,
        action: &Action,
        context: &ActionContext,
    ) -> Result<(), EngineError> {
        self.ledger.note_parked(id).map_err(failed)?;
        if is_on(Mutant::ForgetsTooEarly) {
            self.ledger.forget(id).map_err(failed)?;
        }
        self.inner.perform(action, context).await?;
        if self.remade.contains(id) {
            // The claim waits for the next of the name, with the note that this one ran.
            return Ok(());
        }
        self.ledger.forget(id).map_err(failed)
    }

    /// Notes whether the instance is one that we owe a start.
    fn owe_start(&self, id: &ObjectId, restarting: bool) -> Result<(), EngineError> {
        match self.ledger.get(id).map_err(failed)? {
            Some(claim) if claim.restarting != restarting => {
                self.ledger.put(&Claim { restarting, ..claim }).map_err(failed)
            }
            _ => Ok(()),
        }
    }

    async fn restore(
        &self,
        id: &ObjectId,
        action: &Action,
        context: &ActionContext,
    ) -> Result<(), EngineError> {
        let before = self.ledger.get(id).map_err(failed)?;
        let parked = match before {
            None => self.ledger.parked(id).map_err(failed)?,
            Some(_) => None,
        };
        if let Some(claim) = &parked {
            self.ledger.put(claim).map_err(failed)?;
        }
        let restored = self.inner.perform(action, context).await;
        self.withdraw(parked.as_ref(), &restored)?;
        restored?;
        self.ledger.forget_parked(id).map_err(failed)
    }
}

#[async_trait]
impl Engine for LedgerEngine {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn unsupported_fields(&self) -> &'static [(&'static str, &'static str)] {
        self.inner.unsupported_fields()
    }

    fn refusals(&self, filled: &Lima) -> Vec<FieldError> {
        self.inner.refusals(filled)
    }

    async fn observe(&self) -> Result<Observed, EngineError> {
        self.inner.observe().await
    }

    async fn perform(&self, action: &Action, context: &ActionContext) -> Result<(), EngineError> {
        self.ledger.may_write().map_err(failed)?;
        match action {
            Action::CreateInstance { .. }
            | Action::CreateDisk { .. }
            | Action::DefineNetwork { .. } => self.create(action, context).await,
            Action::EditInstance { .. } => self.edit(action, context).await,
            Action::StopInstance { .. }
                if self.restarts.contains(&action.object()) && !is_on(Mutant::NotesNoRestart) =>
            {
                self.owe_start(&action.object(), true)?;
                self.inner.perform(action, context).await
            }
            // Who stops it by hand wants it to stay so.
            Action::StopInstance { .. } if self.by_hand => {
                self.inner.perform(action, context).await?;
                self.owe_start(&action.object(), false)
            }
            Action::StartDriver { .. } => {
                self.inner.perform(action, context).await?;
                self.owe_start(&action.object(), false)
            }
            Action::Park { object } => self.park(object, action, context).await,
            Action::Restore { object, .. } => self.restore(object, action, context).await,
            Action::Purge { object, key: None } => {
                self.inner.perform(action, context).await?;
                self.ledger.forget(object).map_err(failed)
            }
            // To let go is a matter of the ledger alone.
            Action::Release { object } => self.ledger.forget(object).map_err(failed),
            _ => self.inner.perform(action, context).await,
        }
    }
}

fn stored(action: &Action) -> Option<Fingerprint> {
    match action {
        Action::CreateInstance { filled, .. } | Action::EditInstance { filled, .. } => {
            Some(fingerprint(filled))
        }
        _ => None,
    }
}

/// Not retried: without the ledger nothing may be made or removed.
fn failed(error: LedgerError) -> EngineError {
    if let LedgerError::Lost(lost) = &error {
        let hint = lost.hint().unwrap_or_default();
        return EngineError::needs_human("nothing more is done").because(error).hint(hint);
    }
    EngineError::needs_human("cannot note who owns the object")
        .because(error)
        .hint("check the space and the permissions of $LIMA_HOME/_limekiln")
}
