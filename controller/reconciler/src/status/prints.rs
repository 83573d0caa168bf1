//! Fingerprints of stored configurations.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use limekiln_api::Lima;
use limekiln_model::{Fingerprint, Name, fingerprint};

/// Fingerprints that were made out before. As long as an instance has one and the same
/// configuration its fingerprint is, too; it is held, so that no other can come to its place.
#[derive(Default)]
pub struct Prints(Mutex<BTreeMap<Name, (Arc<Lima>, Fingerprint)>>);

impl Prints {
    /// The fingerprint of the configuration that the instance has.
    pub(crate) fn of(&self, name: &Name, config: &Arc<Lima>) -> Fingerprint {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, print)) = known.get(name).filter(|(known, _)| Arc::ptr_eq(known, config)) {
            return print.clone();
        }
        let print = fingerprint(config);
        known.insert(name.clone(), (Arc::clone(config), print.clone()));
        print
    }

    /// Forgets instances that are gone.
    pub(crate) fn keep(&self, exists: impl Fn(&Name) -> bool) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|name, _| exists(name));
    }
}
