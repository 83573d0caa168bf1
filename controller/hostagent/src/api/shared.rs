//! What the API and the host agent share.

use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};

use tokio::sync::{mpsc, oneshot, watch};

use super::{AgentStatus, Order};

/// How urgently the VM shall stop. Only ever grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StopRequest {
    /// Not at all.
    None,
    /// By the power button.
    Graceful,
    /// At once.
    Force,
}

/// The status, which the API reads, and the stop request, which it writes.
pub(crate) struct Shared {
    status: watch::Sender<AgentStatus>,
    stop: watch::Sender<StopRequest>,
    new_forwards: OnceLock<NewForwards>,
    reload: watch::Sender<u64>,
    orders: Mutex<Option<mpsc::Sender<Given>>>,
}

/// An order, and who waits for what comes of it.
pub(crate) struct Given {
    /// The order.
    pub(crate) order: Order,
    /// Hears when it is carried out, or in words why it can't be.
    pub(crate) done: oneshot::Sender<Result<(), String>>,
}

/// Takes in a part of the configuration anew; in words what is wrong with it.
type NewForwards = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(status: AgentStatus) -> Self {
        Self {
            status: watch::Sender::new(status),
            stop: watch::Sender::new(StopRequest::None),
            new_forwards: OnceLock::new(),
            reload: watch::Sender::new(0),
            orders: Mutex::default(),
        }
    }

    /// The status as it is now.
    pub(crate) fn status(&self) -> AgentStatus {
        self.status.borrow().clone()
    }

    /// Changes the status.
    pub(crate) fn update(&self, change: impl FnOnce(&mut AgentStatus)) {
        self.status.send_modify(change);
    }

    /// What to do when somebody says that the port forwards changed. Only the first counts.
    pub(crate) fn on_new_forwards(
        &self,
        reload: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) {
        let _ = self.new_forwards.set(Box::new(reload));
    }

    /// Takes in the port forwards of `lima.yaml` anew. A VM that is not up takes them in when it is.
    pub(crate) fn reload_forwards(&self) -> Result<(), String> {
        self.new_forwards.get().map_or(Ok(()), |reload| reload())
    }

    /// Who carries out orders from now on.
    pub(crate) fn take_orders(&self) -> mpsc::Receiver<Given> {
        // More than that wait at the door.
        let (sender, receiver) = mpsc::channel(16);
        *self.orders.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    /// Has an order carried out; in words why it can't be.
    pub(crate) async fn order(&self, order: Order) -> Result<(), String> {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let orders = orders.ok_or("the VM does not run yet")?;
        let (done, outcome) = oneshot::channel();
        let gone = "the VM has ended";
        orders.send(Given { order, done }).await.map_err(|_| gone)?;
        outcome.await.map_err(|_| gone)?
    }

    /// Waits until the status is so.
    pub(crate) async fn status_is(&self, holds: impl Fn(&AgentStatus) -> bool) {
        let mut status = self.status.subscribe();
        // The sender lives as long as we do.
        let _ = status.wait_for(|status| holds(status)).await;
    }

    /// Says what is waited for.
    pub(crate) fn waits_for(&self, what: &str) {
        if self.status.borrow().waiting_for.as_deref() != Some(what) {
            tracing::info!("waiting for {what}");
            self.update(|status| status.waiting_for = Some(what.to_owned()));
        }
    }

    /// Asks that the configuration be read again; returns how often that was asked for.
    pub(crate) fn ask_for_reload(&self) -> u64 {
        self.reload.send_modify(|asked| *asked += 1);
        *self.reload.borrow()
    }

    /// Waits until it was asked for more often than `done` times; returns how often.
    pub(crate) async fn reload_asked(&self, done: u64) -> u64 {
        let mut asked = self.reload.subscribe();
        // The sender lives as long as we do.
        asked.wait_for(|asked| *asked > done).await.map_or(done, |asked| *asked)
    }

    /// Asks for a stop. One that is more urgent stays.
    pub(crate) fn stop(&self, request: StopRequest) {
        self.stop.send_modify(|current| *current = request.max(*current));
    }

    /// Asks for a stop; the second time, for one at once.
    pub(crate) fn stop_or_force(&self) {
        self.stop.send_modify(|current| {
            *current = match *current {
                StopRequest::None => StopRequest::Graceful,
                StopRequest::Graceful | StopRequest::Force => StopRequest::Force,
            };
        });
    }

    /// Whether a stop was asked for.
    pub(crate) fn stop_is_requested(&self) -> bool {
        *self.stop.borrow() > StopRequest::None
    }

    /// Waits until a stop is asked for that is at least this urgent.
    pub(crate) async fn stop_requested(&self, at_least: StopRequest) {
        let mut requests = self.stop.subscribe();
        // The sender lives as long as we do.
        let _ = requests.wait_for(|request| *request >= at_least).await;
    }
}
