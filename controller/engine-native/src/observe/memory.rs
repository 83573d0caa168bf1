//! What is remembered from one look to the next.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use limekiln_model::Name;

use super::asking;
use super::known::{Instances, Shown};

/// What the last look saw. Without it the next one sees the same, and takes longer.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<Seen>);

/// The host agents of running instances.
pub(super) type Asked = BTreeMap<Name, asking::Asked>;

/// What one look leaves to the next.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) known: Instances,
    pub(super) asked: Asked,
    pub(super) shown: Shown,
}

impl Memory {
    /// Takes it out: of two who look at once, one begins with nothing.
    pub(super) fn take(&self) -> Seen {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The next look reads again what seldom changes of this instance.
    pub(crate) fn look_again(&self, name: &Name) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = seen.known.get_mut(name) {
            known.look_again();
        }
    }

    pub(super) fn put(&self, seen: Seen) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    }
}
