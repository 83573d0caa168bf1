//! What is ours though no manifest describes it: made by hand, as by `clone`.

use std::path::PathBuf;

use limekiln_api::DeletionPolicy;
use limekiln_model::{ObjectId, Origin, Owner};
use limekiln_sources::Snapshot;

use super::Reconciler;
use crate::{Claim, ReconcileError};

impl Reconciler {
    /// Where the manifest of an object is, if it is ours and one describes it that lasts.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn manifest_of(&self, id: &ObjectId) -> Result<Option<Origin>, ReconcileError> {
        let claim = self.ledger.get(id)?;
        let origin = claim.map(|claim| claim.owner.origin);
        Ok(origin.filter(|origin| origin.source != Snapshot::STDIN))
    }

    /// Notes that an object is ours that was made just now by hand. No source speaks of it, so
    /// none takes it away.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub fn own(&self, id: ObjectId) -> Result<(), ReconcileError> {
        let source = Snapshot::STDIN.to_owned();
        let origin = Origin { file: PathBuf::from(&source), source, line: 0 };
        let owner = Owner { origin, deletion_policy: DeletionPolicy::Delete };
        Ok(self.ledger.put(&Claim::new(id, owner))?)
    }

    /// The claim on an object that is about to be renamed; `None` if it is not ours.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn claim_of(&self, id: &ObjectId) -> Result<Option<Claim>, ReconcileError> {
        Ok(self.ledger.get(id)?)
    }

    /// Notes that an object has another name now: `before` is the claim that it had. A controller
    /// may have made another one of the old name in the meantime, whose claim stays.
    ///
    /// # Errors
    /// If the ledger cannot be read or written.
    pub fn renamed(&self, before: Option<&Claim>, to: ObjectId) -> Result<(), ReconcileError> {
        Ok(before.map_or(Ok(()), |claim| self.ledger.rename(claim, to))?)
    }
}
