//! Signals.

use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

use crate::Error;
use crate::api::Shared;

/// The signals that a host agent listens to, from its start on.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    // Listened to and not acted on: the end of a terminal is not the end of a VM.
    _hangup: Signal,
}

impl Signals {
    /// Begins to listen.
    pub(super) fn listen() -> Result<Self, Error> {
        let listen = |kind| signal(kind).map_err(Error::system("listen for signals"));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            _hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Turns signals into stop requests: the first asks for a stop, the second for one at once.
    pub(super) fn forward(mut self, shared: Arc<Shared>) -> JoinHandle<()> {
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = self.interrupt.recv() => {}
                    _ = self.terminate.recv() => {}
                }
                shared.stop_or_force();
            }
        })
    }
}
