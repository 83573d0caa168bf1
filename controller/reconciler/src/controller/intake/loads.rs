//! What was loaded last, and what a load comes to now.

use std::sync::Arc;

use limekiln_api::template::Fetch;

use super::parts::Parts;
use super::{Foresight, blocking};
use crate::{Loaded, ReconcileError};

/// Loads manifests again and again, with what they build on.
pub(super) struct Loads {
    parts: Arc<Parts>,
    last: Option<Last>,
}

struct Last {
    /// Of which revisions.
    of: Vec<(String, String)>,
    /// What they came to, if they may come to something else later.
    loaded: Option<Loaded>,
}

impl Loads {
    /// What manifests build on comes from `fetch`.
    pub(super) fn new(fetch: Arc<dyn Fetch + Send + Sync>) -> Self {
        Self { parts: Arc::new(Parts::new(fetch)), last: None }
    }

    /// Whether these revisions were loaded last, and would come to the same.
    pub(super) fn are_current(&self, of: &[(String, String)]) -> bool {
        self.last.as_ref().is_some_and(|last| last.of == of) && !self.parts.are_news()
    }

    /// Loads these revisions by `work`, unless it was foreseen what they come to. `None` if that is
    /// what is known of them already.
    ///
    /// # Errors
    /// Those of `work`.
    pub(super) async fn load(
        &mut self,
        of: Vec<(String, String)>,
        foresight: &Foresight,
        work: impl FnOnce(&Parts) -> Result<Loaded, ReconcileError> + Send + 'static,
    ) -> Result<Option<Box<Loaded>>, ReconcileError> {
        let (parts, foresight, revisions) =
            (Arc::clone(&self.parts), foresight.clone(), of.clone());
        let read = move || {
            parts.begin();
            let loaded = foresight.take(&revisions).map_or_else(|| work(&parts), Ok);
            parts.end();
            loaded
        };
        let loaded = blocking(read).await?;
        if self.last.as_ref().is_some_and(|last| last.of == of && last.says(&loaded)) {
            return Ok(None);
        }
        let kept = self.parts.may_change().then(|| loaded.clone());
        self.last = Some(Last { of, loaded: kept });
        Ok(Some(Box::new(loaded)))
    }
}

impl Last {
    fn says(&self, loaded: &Loaded) -> bool {
        let same = |last: &Loaded| {
            last.desired == loaded.desired && last.diagnostics == loaded.diagnostics
        };
        self.loaded.as_ref().is_some_and(same)
    }
}
