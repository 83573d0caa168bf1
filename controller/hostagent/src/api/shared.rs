//! What the API and the host agent share.

use tokio::sync::watch;

use super::AgentStatus;

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
#[derive(Debug)]
pub(crate) struct Shared {
    status: watch::Sender<AgentStatus>,
    stop: watch::Sender<StopRequest>,
}

impl Shared {
    pub(crate) fn new(status: AgentStatus) -> Self {
        Self { status: watch::Sender::new(status), stop: watch::Sender::new(StopRequest::None) }
    }

    /// The status as it is now.
    pub(crate) fn status(&self) -> AgentStatus {
        self.status.borrow().clone()
    }

    /// Changes the status.
    pub(crate) fn update(&self, change: impl FnOnce(&mut AgentStatus)) {
        self.status.send_modify(change);
    }

    /// Says what is waited for.
    pub(crate) fn waits_for(&self, what: &str) {
        if self.status.borrow().waiting_for.as_deref() != Some(what) {
            tracing::info!("waiting for {what}");
            self.update(|status| status.waiting_for = Some(what.to_owned()));
        }
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
