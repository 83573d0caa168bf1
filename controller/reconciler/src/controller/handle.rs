//! What others hold of a controller that runs.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use limekiln_model::ObjectId;
use tokio::sync::{Notify, watch};

use super::ControllerState;
use super::orders::{Order, OrderError, Pending, Ticket};

/// So many orders wait at most; who orders more is asked to come again.
const ORDERS: usize = 16;

/// What others ask for.
#[derive(Clone, Default)]
pub(super) struct Mailbox {
    wake: Arc<Notify>,
    soon: Arc<Notify>,
    /// How often somebody outside said that something may have changed.
    noted: Arc<AtomicU64>,
    asked: Arc<Mutex<BTreeSet<ObjectId>>>,
    orders: Arc<Mutex<Vec<Pending>>>,
}

impl Mailbox {
    /// Until somebody wakes the controller; at once, if it was while nobody waited.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Until somebody is about to wake the controller, or the sources have nearly waited for a file
    /// for long enough.
    pub(super) async fn soon(&self) {
        self.soon.notified().await;
    }

    /// The objects that were asked for since the last time.
    pub(super) fn take(&self) -> BTreeSet<ObjectId> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The orders that wait. Those that must go on waiting are put back.
    pub(super) fn take_orders(&self) -> Vec<Pending> {
        std::mem::take(&mut *self.orders.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn put_back(&self, waiting: Vec<Pending>) {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).extend(waiting);
    }

    /// When the first order has waited for long enough.
    pub(super) fn patience(&self) -> Option<Instant> {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.iter().map(|pending| pending.until).min()
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
        self.mailbox.noted.fetch_add(1, Ordering::SeqCst);
        self.again();
    }

    /// Calls for another look without saying that anything has changed.
    pub(super) fn again(&self) {
        self.mailbox.wake.notify_one();
    }

    /// How often it was said that something may have changed.
    pub(super) fn noted(&self) -> u64 {
        self.mailbox.noted.load(Ordering::SeqCst)
    }

    /// In a moment something will have to be planned: it can be looked at what exists meanwhile.
    pub fn soon(&self) {
        self.mailbox.soon.notify_one();
    }

    /// Somebody asks for these objects: they do not wait for their next try.
    pub fn reconcile(&self, ids: impl IntoIterator<Item = ObjectId>) {
        self.mailbox.asked.lock().unwrap_or_else(PoisonError::into_inner).extend(ids);
        self.wake();
    }

    /// Wants a plan run. The controller begins it when it looks the next time and nobody works on
    /// its objects, or refuses it.
    ///
    /// # Errors
    /// If too many wait already.
    pub fn order(&self, order: Order) -> Result<Ticket, OrderError> {
        let (pending, ticket) = Pending::new(order);
        let mut orders = self.mailbox.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if orders.len() >= ORDERS {
            return Err(OrderError::TooMany);
        }
        orders.push(pending);
        drop(orders);
        self.wake();
        Ok(ticket)
    }

    /// What it is doing, and a way to wait for changes of that.
    pub fn state(&self) -> watch::Receiver<ControllerState> {
        self.state.clone()
    }
}
