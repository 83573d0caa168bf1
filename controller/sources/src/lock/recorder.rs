//! Texts pass through, and their digests are noted.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use limekiln_api::template::{Fetch, FetchError, Fetched, Locator};

use super::hash::{is_locked, of_bytes};

/// Notes what is fetched, for a lock file.
pub struct Recorder<'a> {
    inner: &'a dyn Fetch,
    seen: Mutex<BTreeMap<String, String>>,
}

impl<'a> Recorder<'a> {
    /// Nothing is noted yet.
    pub fn new(inner: &'a dyn Fetch) -> Self {
        Self { inner, seen: Mutex::default() }
    }

    /// Digests by locator.
    pub fn into_templates(self) -> BTreeMap<String, String> {
        self.seen.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fetch for Recorder<'_> {
    fn fetch(&self, locator: &Locator) -> Result<Fetched, FetchError> {
        let fetched = self.inner.fetch(locator)?;
        if is_locked(locator) {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.insert(locator.to_string(), of_bytes(&fetched.bytes));
        }
        Ok(fetched)
    }
}
