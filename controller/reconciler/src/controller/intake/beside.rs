//! Work that goes on beside the loop: what takes long keeps nobody waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::{Timestamp, Unit};
use tokio::sync::oneshot::{self, Receiver, error::TryRecvError};
use tokio::time::{Instant, timeout_at};

use super::super::Handle;

/// Who is not done after so long is told of.
pub(super) const LONG: Duration = Duration::from_secs(5);

/// A piece of work, if one goes on.
pub(super) struct Beside<T>(Option<Job<T>>);

struct Job<T> {
    done: Receiver<T>,
    begun: Instant,
    /// The same as people know it.
    since: Timestamp,
    /// Nobody has waited for it yet.
    fresh: bool,
    /// Nobody waits for it any more: the controller is woken at its end.
    late: Arc<AtomicBool>,
    controller: Handle,
    /// What had been noted when it began.
    noted: u64,
}

/// The work ended in a panic, which was told already.
#[derive(Debug, thiserror::Error)]
#[error("internal error: it ended in a panic")]
pub(super) struct Broken;

impl<T> Default for Beside<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Send + 'static> Beside<T> {
    /// Begins `work`; what went on before is forgotten.
    pub(super) fn begin(&mut self, controller: &Handle, work: impl FnOnce() -> T + Send + 'static) {
        let (tell, done) = oneshot::channel();
        let late = Arc::new(AtomicBool::new(false));
        let noted = controller.noted();
        let (handle, was_late) = (controller.clone(), Arc::clone(&late));
        let job = move || {
            // Who has gone does not want it any more. Told before it is looked whether anybody
            // waits: who stops to wait looks once more after having said so.
            let _ = tell.send(work());
            if was_late.load(Ordering::SeqCst) {
                handle.again();
            }
        };
        let (begun, since) = (Instant::now(), now());
        let controller = controller.clone();
        self.0 = Some(Job { done, begun, since, fresh: true, late, controller, noted });
        run(job);
    }

    /// Whether work goes on.
    pub(super) fn is_busy(&self) -> bool {
        self.0.is_some()
    }

    /// Since when it goes on, if that is long.
    pub(super) fn since(&self) -> Option<Timestamp> {
        let slow = self.0.as_ref().filter(|job| job.begun.elapsed() >= LONG);
        slow.map(|job| job.since)
    }

    /// What came of it, if it is done, or will be by `soon`. It is waited for once: what takes long
    /// keeps nobody waiting again, and wakes the controller when it is done. What was noted meanwhile
    /// it may have missed: the controller looks once more then.
    pub(super) async fn ended(&mut self, soon: Instant) -> Option<Result<T, Broken>> {
        let job = self.0.as_mut()?;
        let until = if std::mem::take(&mut job.fresh) { soon } else { Instant::now() };
        let ended = match timeout_at(until, &mut job.done).await {
            Ok(ended) => ended.map_err(|_| Broken),
            Err(_) => {
                job.late.store(true, Ordering::SeqCst);
                match job.done.try_recv() {
                    Ok(done) => Ok(done),
                    Err(TryRecvError::Empty) => return None,
                    Err(TryRecvError::Closed) => Err(Broken),
                }
            }
        };
        if job.controller.noted() != job.noted {
            job.controller.again();
        }
        self.0 = None;
        Some(ended)
    }
}

/// The time to the second, for people.
pub(super) fn now() -> Timestamp {
    let now = Timestamp::now();
    now.round(Unit::Second).unwrap_or(now)
}

/// As [`super::blocking`], and nobody waits.
fn run(job: impl FnOnce() + Send + 'static) {
    #[cfg(feature = "faults")]
    if crate::faults::is_simulation() {
        return job();
    }
    drop(tokio::task::spawn_blocking(job));
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use tokio::sync::watch;
    use tokio::time::timeout;

    use super::*;
    use crate::ControllerState;
    use crate::controller::handle::Mailbox;

    /// Work that takes longer than anybody waits; whether the controller looks once more when it has
    /// taken what came of it.
    async fn looks_again(meanwhile: impl FnOnce(&Handle)) -> bool {
        let (mailbox, state) = (Mailbox::default(), watch::channel(ControllerState::default()).1);
        let controller = Handle { mailbox: mailbox.clone(), state };
        let woken = async || timeout(Duration::from_secs(1), mailbox.woken()).await.is_ok();
        let (end, ends) = channel::<()>();
        let mut work = Beside::default();
        work.begin(&controller, move || ends.recv().is_ok());
        assert!(work.ended(Instant::now()).await.is_none());
        meanwhile(&controller);
        // The look that follows finds it at work still.
        let _ = woken().await;
        assert!(work.ended(Instant::now()).await.is_none());
        end.send(()).expect("it waits for that");
        assert!(woken().await, "it is done");
        assert!(work.ended(Instant::now()).await.is_some_and(|ended| ended.is_ok_and(|done| done)));
        woken().await
    }

    #[tokio::test]
    async fn what_is_noted_while_something_takes_long_is_looked_at_when_that_has_ended() {
        assert!(looks_again(Handle::wake).await);
        assert!(!looks_again(|_| ()).await, "nothing was");
        assert!(!looks_again(Handle::again).await, "nobody outside said so");
    }
}
