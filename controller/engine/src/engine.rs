//! The trait.

use async_trait::async_trait;
use limekiln_api::{FieldError, Lima};
use limekiln_model::{Action, Capabilities, Observed};

use crate::{ActionContext, EngineError};

/// Makes whole instances exist.
#[async_trait]
pub trait Engine: Send + Sync {
    /// What it can do. Constant for the life of the engine.
    fn capabilities(&self) -> Capabilities;

    /// Template fields that it cannot honour, as (path, why). A manifest that sets one of them is
    /// refused with the field's position; nothing is ignored in silence.
    fn unsupported_fields(&self) -> &'static [(&'static str, &'static str)];

    /// Why this host, as it is now, cannot give a filled template what it asks for; warnings, too.
    /// May ask other programs.
    fn refusals(&self, filled: &Lima) -> Vec<FieldError> {
        let _ = filled;
        Vec::new()
    }

    /// Looks at everything. `owners` and `host.taken_ports` are filled in by the caller, which
    /// has the ledger.
    ///
    /// # Errors
    /// If the home cannot be read at all. An instance that cannot be read is observed as
    /// [`limekiln_model::InstancePhase::Broken`], not an error.
    async fn observe(&self) -> Result<Observed, EngineError>;

    /// Performs one action, idempotently.
    ///
    /// # Errors
    /// [`crate::ErrorClass::Precondition`] if what must hold before does not hold; nothing has
    /// been changed then. Other classes as they say.
    async fn perform(&self, action: &Action, context: &ActionContext) -> Result<(), EngineError>;
}
