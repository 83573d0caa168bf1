//! Where what manifests build on comes from.

use limekiln_api::HostFacts;
use limekiln_api::template::{Embedding, Fetch};
use limekiln_sources::lock::Lock;

/// Where what manifests build on comes from.
#[derive(Clone, Copy)]
pub struct Templates<'a> {
    /// Fetches it.
    pub fetch: &'a dyn Fetch,
    /// What images must be, if that is set; `fetch` minds what texts must be.
    pub lock: Option<&'a Lock>,
}

impl<'a> Templates<'a> {
    /// How templates are put together on this host: with Lima's `_config/base.yaml` below all of
    /// them, where it exists.
    pub fn embedding(&self, facts: &'a HostFacts) -> Embedding<'a> {
        let base = facts.lima_home.join("_config/base.yaml");
        Embedding {
            fetch: self.fetch,
            home: &facts.home,
            default_base: base.exists().then_some(base),
        }
    }
}
