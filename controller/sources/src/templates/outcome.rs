//! What a locator led to, kept so that it is asked for once.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use limekiln_api::template::{FetchError, Fetched};

/// A text, or why there is none and what to do.
#[derive(Clone, Debug)]
pub(super) struct Outcome(Result<Fetched, (String, Option<String>)>);

impl From<Result<Fetched, FetchError>> for Outcome {
    fn from(result: Result<Fetched, FetchError>) -> Self {
        Self(result.map_err(|error| (error.chain(), error.hint)))
    }
}

impl Outcome {
    pub(super) fn into_result(self) -> Result<Fetched, FetchError> {
        self.0.map_err(|(message, hint)| FetchError { hint, ..FetchError::new(message) })
    }
}

/// Values by key, made once each.
///
/// Failures are kept, too: a hundred manifests on a server that does not answer wait for it once.
#[derive(Debug)]
pub(super) struct Once<K, V>(Mutex<BTreeMap<K, V>>);

impl<K, V> Default for Once<K, V> {
    fn default() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }
}

impl<K: Ord + Clone, V: Clone> Once<K, V> {
    /// All are made anew.
    pub(super) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The value, made if it is not known. The lock is not held meanwhile: making one value may
    /// need another.
    pub(super) fn get(&self, key: &K, make: impl FnOnce() -> V) -> V {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(key) {
            return known.clone();
        }
        let made = make();
        lock().entry(key.clone()).or_insert(made).clone()
    }
}
