//! What others hold of a controller that runs.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use limekiln_model::ObjectId;
use tokio::sync::{Notify, watch};

use super::ControllerState;

/// What others ask for.
#[derive(Clone, Default)]
pub(super) struct Mailbox {
    wake: Arc<Notify>,
    asked: Arc<Mutex<BTreeSet<ObjectId>>>,
}

impl Mailbox {
    /// Until somebody wakes the controller; at once, if it was while nobody waited.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// The objects that were asked for since the last time.
    pub(super) fn take(&self) -> BTreeSet<ObjectId> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Talks to a controller that runs.
#[derive(Clone)]
pub struct Handle {
    pub(super) mailbox: Mailbox,
    pub(super) state: watch::Receiver<ControllerState>,
}

impl Handle {
    /// Something may have changed.
    pub fn wake(&self) {
        self.mailbox.wake.notify_one();
    }

    /// Somebody asks for these objects: they do not wait for their next try.
    pub fn reconcile(&self, ids: impl IntoIterator<Item = ObjectId>) {
        self.mailbox.asked.lock().unwrap_or_else(PoisonError::into_inner).extend(ids);
        self.wake();
    }

    /// What it is doing, and a way to wait for changes of that.
    pub fn state(&self) -> watch::Receiver<ControllerState> {
        self.state.clone()
    }
}
