//! Reading what a controller works with.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

/// Reading that takes longer is told, since what it waits for may never answer.
const LATE: Duration = Duration::from_secs(5);

/// How it is read.
pub type Read<T> = dyn Fn() -> anyhow::Result<T> + Send + Sync;

/// What there is to be minded.
pub enum News<T> {
    /// A signal came.
    Signal,
    /// Everything was read, or is wrong.
    Read(anyhow::Result<T>),
    /// Reading takes long.
    Late,
}

/// Reading that is under way, in a thread of its own: it may take for ever.
pub struct Reading<T> {
    end: oneshot::Receiver<anyhow::Result<T>>,
    /// When it is late; `None` once that was told.
    late: Option<Instant>,
    is_old: bool,
}

impl<T: Send + 'static> Reading<T> {
    /// Begins.
    pub fn begin(read: &Arc<Read<T>>) -> Self {
        let (tell, end) = oneshot::channel();
        let read = Arc::clone(read);
        thread::spawn(move || tell.send(read()));
        Self { end, late: Some(Instant::now() + LATE), is_old: false }
    }

    /// What was read by now may be what was there before a signal: it is to be done again. What is
    /// late may never come: then that is not waited for.
    pub fn again(&mut self, read: &Arc<Read<T>>) {
        match self.late {
            Some(_) => self.is_old = true,
            None => *self = Self::begin(read),
        }
    }

    /// Whether it is to be done again.
    pub fn is_old(&self) -> bool {
        self.is_old
    }

    /// What comes of it; waits for ever if nothing is read.
    pub async fn news(reading: &mut Option<Self>) -> News<T> {
        let Some(reading) = reading else { return std::future::pending().await };
        let late = async {
            match reading.late {
                Some(late) => sleep_until(late).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            read = &mut reading.end => {
                News::Read(read.unwrap_or_else(|_| Err(anyhow::anyhow!("reading ended in a panic"))))
            }
            () = late => {
                reading.late = None;
                News::Late
            }
        }
    }
}

/// Drops it in a thread, since a runtime may not be dropped within another.
pub fn drop_apart<T: Send + 'static>(what: T) {
    thread::spawn(move || drop(what));
}
