//! What signals make of a controller that runs: it goes on, begins anew, or ends.

use std::thread;

use tokio_util::sync::CancellationToken;

use crate::exit::Failure;
use crate::output::log::Log;
use crate::signals::{Sent, Signals};
use crate::supervisor;

/// The course of a process, over all that it reads anew. `T` is what a controller works with.
///
/// It lives outside of all asynchronous work: what was read for the next controller may hold what
/// must not be dropped in there.
pub struct Course<T> {
    signals: Signals,
    log: Log,
    minded: Sent,
    next: Option<T>,
}

impl<T: Send> Course<T> {
    /// The course of whom no signal has reached yet.
    pub fn new(signals: Signals, log: Log) -> Self {
        Self { signals, log, minded: Sent::default(), next: None }
    }

    /// Until there is a signal to be minded.
    pub async fn changed(&mut self) {
        self.signals.changed().await;
    }

    /// Minds the signals so far. To end wins over to begin anew; who is to begin anew reads first
    /// what from, and goes on as before if that is wrong.
    ///
    /// # Errors
    /// If it is told to end while it does so already.
    pub fn mind(
        &mut self,
        stop: &CancellationToken,
        read: impl FnOnce() -> anyhow::Result<T> + Send,
    ) -> anyhow::Result<()> {
        let sent = self.signals.sent();
        let minded = std::mem::replace(&mut self.minded, sent);
        if sent.stops > minded.stops {
            if minded.stops > 0 {
                anyhow::bail!("stopped in the middle");
            }
            supervisor::stopping();
            stop.cancel();
        }
        if sent.stops == 0 && sent.reloads > minded.reloads {
            self.reload(stop, read);
        }
        Ok(())
    }

    fn reload(
        &mut self,
        stop: &CancellationToken,
        read: impl FnOnce() -> anyhow::Result<T> + Send,
    ) {
        let before = self.next.take();
        // In a thread, since a runtime may neither be used nor dropped within another.
        let read = thread::scope(|scope| {
            let reading = scope.spawn(move || match read() {
                Ok(next) => {
                    drop(before);
                    (Some(next), None)
                }
                Err(error) => (before, Some(error)),
            });
            reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        let (next, wrong) = read;
        self.next = next;
        match wrong {
            Some(error) => {
                self.log.warn(&format!("not reloaded; goes on as before: {}", reason(&error)));
            }
            None => stop.cancel(),
        }
    }

    /// What to go on with when a controller has ended; `None` if that was the last one.
    pub fn next(&mut self) -> Option<T> {
        self.next.take().filter(|_| self.signals.sent().stops == 0)
    }
}

fn reason(error: &anyhow::Error) -> String {
    let hint = error.downcast_ref::<Failure>().and_then(Failure::advice);
    format!("{error:#}{}", hint.map(|hint| format!(" → {hint}")).unwrap_or_default())
}
