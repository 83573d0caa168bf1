//! Texts pass through only if they are those that were locked.

use limekiln_api::template::{Fetch, FetchError, Fetched, Locator};

use super::Lock;

/// Refuses texts that are not in a lock, or are others than there.
pub struct Checked<'a> {
    inner: &'a dyn Fetch,
    lock: &'a Lock,
}

impl<'a> Checked<'a> {
    /// Holds what `inner` fetches against a lock.
    pub fn new(inner: &'a dyn Fetch, lock: &'a Lock) -> Self {
        Self { inner, lock }
    }
}

impl Fetch for Checked<'_> {
    fn fetch(&self, locator: &Locator) -> Result<Fetched, FetchError> {
        let fetched = self.inner.fetch(locator)?;
        self.lock.check_text(locator, &fetched.bytes)?;
        Ok(fetched)
    }
}
