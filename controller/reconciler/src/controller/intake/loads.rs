//! What was loaded last, and what a load comes to now.

use std::sync::Arc;

use jiff::Timestamp;
use limekiln_api::template::Fetch;
use tokio::time::Instant;

use super::super::Handle;
use super::Foresight;
use super::beside::{Beside, Broken};
use super::parts::Parts;
use super::paths::SETTLED;
use crate::load::remote;
use crate::{Loaded, ReconcileError};

/// Loads manifests again and again, with what they build on.
pub(super) struct Loads {
    parts: Arc<Parts>,
    last: Option<Last>,
    load: Beside<Result<Loaded, ReconcileError>>,
    /// Of which revisions the load is that goes on.
    loading: Revisions,
    /// How many answers of file systems had come too late when it began.
    late: u64,
    /// A look at the files of this host that manifests build on.
    look: Beside<bool>,
}

/// Which revision of which source.
pub(super) type Revisions = Vec<(String, String)>;

struct Last {
    /// Of which revisions.
    of: Revisions,
    /// What they came to, if they may come to something else later.
    loaded: Option<Loaded>,
}

impl Loads {
    /// What manifests build on comes from `fetch`.
    pub(super) fn new(fetch: Arc<dyn Fetch + Send + Sync>) -> Self {
        Self {
            parts: Arc::new(Parts::new(fetch)),
            last: None,
            load: Beside::default(),
            loading: Revisions::new(),
            late: 0,
            look: Beside::default(),
        }
    }

    /// Whether anything was ever loaded.
    pub(super) fn has_loaded(&self) -> bool {
        self.last.is_some()
    }

    /// Whether these revisions were loaded last.
    pub(super) fn are_of(&self, of: &Revisions) -> bool {
        self.last.as_ref().is_some_and(|last| last.of == *of)
    }

    /// Since when a load goes on that takes long.
    pub(super) fn since(&self) -> Option<Timestamp> {
        self.load.since()
    }

    /// Whether these revisions were loaded last, and would come to the same; or are being loaded.
    pub(super) async fn are_current(&mut self, of: &Revisions, controller: &Handle) -> bool {
        if self.load.is_busy() {
            return false;
        }
        let same = self.are_of(of);
        let late = self.late != remote::late();
        same && !late && !self.parts.are_due() && !self.have_changed(controller).await
    }

    /// Whether a file has changed. It is not known as long as the file system does not answer.
    async fn have_changed(&mut self, controller: &Handle) -> bool {
        if !self.look.is_busy() {
            if !self.parts.has_files() {
                return false;
            }
            let parts = Arc::clone(&self.parts);
            self.look.begin(controller, move || parts.are_news());
        }
        let looked = self.look.ended(Instant::now() + SETTLED).await;
        looked.is_some_and(|news| news.unwrap_or_default())
    }

    /// Loads these revisions by `work`, unless it was foreseen what they come to. `None` if that is
    /// what is known of them already, or not known yet: a load that takes long goes on beside.
    ///
    /// # Errors
    /// Those of `work`.
    pub(super) async fn load(
        &mut self,
        of: Revisions,
        foresight: &Foresight,
        controller: &Handle,
        work: impl FnOnce(&Parts) -> Result<Loaded, ReconcileError> + Send + 'static,
    ) -> Result<Option<Box<Loaded>>, ReconcileError> {
        if self.load.is_busy() {
            let ended = self.load.ended(Instant::now()).await;
            match ended {
                None => return Ok(None),
                Some(ended) if self.loading == of => return self.take(of, ended),
                // What it came to is not wanted any more.
                Some(_) => {}
            }
        }
        self.begin(&of, foresight, controller, work);
        match self.load.ended(Instant::now() + SETTLED).await {
            Some(ended) => self.take(of, ended),
            None => Ok(None),
        }
    }

    fn begin(
        &mut self,
        of: &Revisions,
        foresight: &Foresight,
        controller: &Handle,
        work: impl FnOnce(&Parts) -> Result<Loaded, ReconcileError> + Send + 'static,
    ) {
        self.loading.clone_from(of);
        self.late = remote::late();
        let (parts, foresight, of) = (Arc::clone(&self.parts), foresight.clone(), of.clone());
        let wakes = controller.clone();
        self.load.begin(controller, move || {
            parts.begin(Some(&wakes));
            let loaded = foresight.take(&of).map_or_else(|| work(&parts), Ok);
            parts.end();
            loaded
        });
    }

    fn take(
        &mut self,
        of: Revisions,
        ended: Result<Result<Loaded, ReconcileError>, Broken>,
    ) -> Result<Option<Box<Loaded>>, ReconcileError> {
        let loaded = ended.map_err(|broken| ReconcileError::Broken(broken.to_string()))??;
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
