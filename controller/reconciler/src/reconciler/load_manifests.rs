//! Reads manifests.

use std::sync::Arc;

use limekiln_model::ObjectId;
use limekiln_sources::{Input, ReadOptions, Snapshot};

use super::Reconciler;
use crate::load::{LoadCache, LoadContext, Loaded, Templates, load};
use crate::policy::{Existing, Policies};
use crate::{Claim, ReconcileError};

impl Reconciler {
    /// Reads the inputs, fetches what they build on, and checks all manifests. Blocks.
    ///
    /// # Errors
    /// If an input cannot be read whole, or the ledger can't. Faulty manifests, and those that
    /// build on something that cannot be had, are diagnostics.
    pub fn load(
        &self,
        inputs: &[Input],
        options: &ReadOptions,
        templates: Templates<'_>,
    ) -> Result<Loaded, ReconcileError> {
        self.load_snapshots(&limekiln_sources::read(inputs, options)?, templates)
    }

    /// Fetches what the manifests of snapshots build on, and checks them all. Blocks.
    ///
    /// # Errors
    /// If a file cannot be read, and the ledger can't either.
    pub fn load_snapshots(
        &self,
        snapshots: &[Snapshot],
        templates: Templates<'_>,
    ) -> Result<Loaded, ReconcileError> {
        let (policies, existing) = (Policies::default(), Existing::default());
        self.load_snapshots_under(snapshots, templates, &policies, &existing)
    }

    /// The same under policies of the host's own, with what exists.
    ///
    /// # Errors
    /// As [`Self::load_snapshots`].
    pub fn load_snapshots_under(
        &self,
        snapshots: &[Snapshot],
        templates: Templates<'_>,
        policies: &Policies,
        existing: &Existing,
    ) -> Result<Loaded, ReconcileError> {
        self.read(snapshots, templates, (policies, existing), false, None)
    }

    /// The same, with what the policies say of each field. Denials are no diagnostics then.
    ///
    /// # Errors
    /// As [`Self::load_snapshots`].
    pub fn judge_snapshots(
        &self,
        snapshots: &[Snapshot],
        templates: Templates<'_>,
        policies: &Policies,
        existing: &Existing,
    ) -> Result<Loaded, ReconcileError> {
        self.read(snapshots, templates, (policies, existing), true, None)
    }

    /// As [`Self::load_snapshots_under`], for one who loads again and again: what did not change
    /// since the last time is not checked again.
    ///
    /// # Errors
    /// As [`Self::load_snapshots`].
    pub(crate) fn load_again(
        &self,
        snapshots: &[Snapshot],
        templates: Templates<'_>,
        under: (&Policies, &Existing),
        cache: &LoadCache,
    ) -> Result<Loaded, ReconcileError> {
        self.read(snapshots, templates, under, false, Some(cache))
    }

    fn read(
        &self,
        snapshots: &[Snapshot],
        templates: Templates<'_>,
        (policies, existing): (&Policies, &Existing),
        explain: bool,
        cache: Option<&LoadCache>,
    ) -> Result<Loaded, ReconcileError> {
        self.home.check()?;
        let owners = || {
            let claims = self.claims()?;
            let owner = |(id, claim): (&ObjectId, &Arc<Claim>)| (id.clone(), claim.owner.clone());
            Ok(claims.by_id.iter().map(owner).collect())
        };
        let context = LoadContext {
            facts: &self.facts,
            unsupported: self.engine.unsupported_fields(),
            refusals: &|filled| self.engine.refusals(filled),
            owners: &owners,
            embedding: templates.embedding(&self.facts),
            lock: templates.lock,
            policies,
            existing,
            explain,
            cache,
        };
        load(snapshots, &context)
    }
}
