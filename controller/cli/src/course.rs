//! What signals make of a controller that runs: it goes on, begins anew, or ends.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::exit::Failure;
use crate::output::log::Log;
use crate::reading::{News, Read, Reading, drop_apart};
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
    read: Arc<Read<T>>,
    reading: Option<Reading<T>>,
    next: Option<T>,
}

impl<T: Send + 'static> Course<T> {
    /// The course of whom no signal has reached yet, and who has yet to read what it works with.
    pub fn new(
        signals: Signals,
        log: Log,
        read: impl Fn() -> anyhow::Result<T> + Send + Sync + 'static,
    ) -> Self {
        let read: Arc<Read<T>> = Arc::new(read);
        let reading = Some(Reading::begin(&read));
        Self { signals, log, minded: Sent::default(), read, reading, next: None }
    }

    /// What the first controller works with; `None` if the process is told to end before.
    ///
    /// # Errors
    /// If that is wrong, or it is told to end a second time.
    pub async fn first(&mut self) -> anyhow::Result<Option<T>> {
        let stop = CancellationToken::new();
        while !stop.is_cancelled() {
            match self.news().await {
                News::Read(read) => {
                    if let Some(read) = self.still_true(read) {
                        return read.map(Some);
                    }
                }
                news => self.mind(news, &stop)?,
            }
        }
        Ok(None)
    }

    /// Until there is something to be minded.
    pub async fn news(&mut self) -> News<T> {
        tokio::select! {
            // What was read before a signal is minded after it.
            biased;
            () = self.signals.changed() => News::Signal,
            news = Reading::news(&mut self.reading) => news,
        }
    }

    /// Minds it. To end wins over to begin anew; who is to begin anew reads first what from, and
    /// goes on as before meanwhile, and if that is wrong.
    ///
    /// # Errors
    /// If it is told to end while it does so already.
    pub fn mind(&mut self, news: News<T>, stop: &CancellationToken) -> anyhow::Result<()> {
        match news {
            News::Signal => self.mind_signals(stop)?,
            News::Read(read) => self.mind_read(read, stop),
            News::Late => self.log.warn(
                "still reads what is configured: a file system or a server does not answer; goes \
                 on when it does",
            ),
        }
        Ok(())
    }

    fn mind_signals(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
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
            match &mut self.reading {
                Some(reading) => reading.again(&self.read),
                None => self.reading = Some(Reading::begin(&self.read)),
            }
        }
        Ok(())
    }

    fn mind_read(&mut self, read: anyhow::Result<T>, stop: &CancellationToken) {
        match self.still_true(read) {
            Some(Ok(next)) => {
                self.next.replace(next).into_iter().for_each(drop_apart);
                stop.cancel();
            }
            Some(Err(error)) => {
                self.log.warn(&format!("not reloaded; goes on as before: {}", reason(&error)));
            }
            None => {}
        }
    }

    /// What was read, unless it is to be read anew: a signal has come since that began.
    fn still_true(&mut self, read: anyhow::Result<T>) -> Option<anyhow::Result<T>> {
        if self.reading.take().is_some_and(|reading| reading.is_old()) {
            self.reading = Some(Reading::begin(&self.read));
            drop_apart(read);
            return None;
        }
        Some(read)
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
