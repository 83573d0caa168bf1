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
    late: Option<Instant>,
    /// It has to be done again.
    pub is_old: bool,
}

impl<T: Send + 'static> Reading<T> {
    /// Begins.
    pub fn begin(read: &Arc<Read<T>>) -> Self {
        let (tell, end) = oneshot::channel();
        let read = Arc::clone(read);
        thread::spawn(move || tell.send(read()));
        Self { end, late: Some(Instant::now() + LATE), is_old: false }
    }

    /// What comes of it; waits for ever if nothing is read.
    pub async fn news(reading: &mut Option<Self>) -> News<T> {
        let Some(reading) = reading else { return std::future::pending().await };
        let late = reading.late;
        tokio::select! {
            read = &mut reading.end => {
                News::Read(read.unwrap_or_else(|_| Err(anyhow::anyhow!("reading ended in a panic"))))
            }
            () = sleep_until(late.unwrap_or_else(Instant::now)), if late.is_some() => {
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
