//! What a load needs, and what it gives.

use std::collections::BTreeMap;

use limekiln_api::template::Embedding;
use limekiln_api::{Diagnostic, FieldError, HostFacts, Lima, Severity};
use limekiln_model::{Desired, ObjectId, Owner};
use limekiln_sources::lock::Lock;

use super::cache::LoadCache;
use super::permits::Judged;
use crate::ReconcileError;
use crate::policy::{Existing, Policies};

/// What is ours already, by object. Read only where that decides something, as when a file cannot be
/// read: a ledger of a thousand claims takes its time.
pub type Owners<'a> = dyn Fn() -> Result<BTreeMap<ObjectId, Owner>, ReconcileError> + 'a;

/// Why the host cannot give a filled template what it asks for.
pub type Refusals<'a> = dyn Fn(&Lima) -> Vec<FieldError> + Sync + 'a;

/// What manifests are read against.
#[derive(Clone)]
pub struct LoadContext<'a> {
    /// The host, on which defaults depend.
    pub facts: &'a HostFacts,
    /// Fields that the engine refuses, as it states them.
    pub unsupported: &'a [(&'static str, &'static str)],
    /// What the engine says against a filled template on this host.
    pub refusals: &'a Refusals<'a>,
    /// What is left alone when its file cannot be read, and whose it is.
    pub owners: &'a Owners<'a>,
    /// How templates that build on others are put together.
    pub embedding: Embedding<'a>,
    /// What images must be; templates are held against it by whoever fetches them.
    pub lock: Option<&'a Lock>,
    /// What the sources may do.
    pub policies: &'a Policies,
    /// What the sources have already, of what their policies allow so much in all.
    pub existing: &'a Existing,
    /// Whether verdicts are wanted, also those that allow; denials are no diagnostics then.
    pub explain: bool,
    /// What the last load found right, for who loads again and again.
    pub(crate) cache: Option<&'a LoadCache>,
}

/// What sources hold.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// What is desired; objects with errors are frozen in it.
    pub desired: Desired,
    /// All that is wrong, by file and line.
    pub diagnostics: Vec<Diagnostic>,
    /// What the policies say of each object, if that was asked for.
    pub verdicts: Vec<Judged>,
    /// The most objects of each source that one pass may delete, where its policy says so; 0 is
    /// none.
    pub prune_budgets: BTreeMap<String, usize>,
}

impl Loaded {
    /// Whether any manifest has an error. The others can be applied all the same.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}
