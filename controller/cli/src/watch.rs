//! What may end a run early: the time limit, Ctrl-C, a request to terminate.

use std::future::Future;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exit::{Exit, Failure};

/// Signals that ask a program to end. The second one is obeyed at once.
struct Requests {
    interrupt: Signal,
    terminate: Signal,
}

impl Requests {
    fn new() -> anyhow::Result<Self> {
        let on = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Lets `work` run to its end. When the time is up, or at the first signal, it is cancelled: it
/// then ends by itself at its next safe point. Returns whether the time was up.
///
/// # Errors
/// At a second signal; `work` is dropped then.
pub async fn watch<T>(
    work: impl Future<Output = T>,
    cancel: &CancellationToken,
    timeout: Option<Duration>,
    tell: impl Fn(&str),
) -> anyhow::Result<(T, bool)> {
    let mut requests = Requests::new()?;
    let mut timed_out = false;
    tokio::pin!(work);
    let deadline = limit(timeout);
    tokio::pin!(deadline);
    loop {
        tokio::select! {
            done = &mut work => return Ok((done, timed_out)),
            () = &mut deadline, if !timed_out => {
                timed_out = true;
                tell("the time is up; what was begun is left to run");
            }
            () = requests.next() => {
                if cancel.is_cancelled() {
                    return Err(stopped());
                }
                tell("stopping at the next safe point; Ctrl-C again stops at once");
            }
        }
        cancel.cancel();
    }
}

async fn limit(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => tokio::time::sleep(timeout).await,
        None => std::future::pending().await,
    }
}

fn stopped() -> anyhow::Error {
    let failure = Failure::new(Exit::Failed, "stopped in the middle");
    failure.hint("nothing is lost: run it again to go on from here").into()
}
