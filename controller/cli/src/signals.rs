//! The signals that a controller minds.

use std::thread;

use anyhow::Context;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// How often each was seen since the process began. Equal ones that come together count once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// SIGINT and SIGTERM.
    pub stops: u32,
    /// SIGHUP.
    pub reloads: u32,
}

/// Counts signals for as long as the process lives, in a thread of its own: while one controller
/// has ended and the next has not begun, none is lost.
pub struct Signals(watch::Receiver<Sent>);

impl Signals {
    /// Begins to listen. From now on none of these signals ends the process.
    ///
    /// # Errors
    /// If the system does not let it.
    pub fn listen() -> anyhow::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let streams = {
            let _inside = runtime.enter();
            Streams::open().context("cannot listen for signals")?
        };
        let (sender, receiver) = watch::channel(Sent::default());
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || runtime.block_on(streams.count(&sender)))
            .context("cannot listen for signals")?;
        Ok(Self(receiver))
    }

    /// What was sent so far.
    pub fn sent(&self) -> Sent {
        *self.0.borrow()
    }

    /// Until there is one that this has not told of yet.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            // Nobody counts any more, so nothing will be counted.
            std::future::pending::<()>().await;
        }
    }
}

struct Streams {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Streams {
    fn open() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn count(mut self, sent: &watch::Sender<Sent>) {
        loop {
            let stops = tokio::select! {
                biased;
                _ = self.interrupt.recv() => true,
                _ = self.terminate.recv() => true,
                _ = self.hangup.recv() => false,
            };
            sent.send_modify(|sent| match stops {
                true => sent.stops += 1,
                false => sent.reloads += 1,
            });
        }
    }
}
