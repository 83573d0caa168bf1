//! Where events wait until somebody asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use notify::{Event, RecommendedWatcher};

use super::WatchError;

/// More are not kept: then it is enough to know that there were more.
const MAX: usize = 1024;

/// What is told to whoever waits.
#[derive(Debug)]
pub(super) enum Word {
    /// Something happened to files.
    Event(notify::Result<Event>),
    /// A root was looked at, and there is news of it.
    Looked,
}

/// The end that watchers write to.
#[derive(Clone, Debug)]
pub(super) struct Inbox {
    events: SyncSender<Word>,
    lost: Arc<AtomicBool>,
}

impl Inbox {
    pub(super) fn new() -> (Self, Receiver<Word>) {
        let (events, receiver) = sync_channel(MAX);
        (Self { events, lost: Arc::default() }, receiver)
    }

    /// Keeps a word, and never waits: a watcher that waits loses what the kernel has.
    pub(super) fn put(&self, word: Word) {
        if self.events.try_send(word).is_err() {
            self.lost.store(true, Ordering::Release);
        }
    }

    /// True if there were more events than are kept, since the last time.
    pub(super) fn take_lost(&self) -> bool {
        self.lost.swap(false, Ordering::Acquire)
    }

    /// A watcher that writes here.
    pub(super) fn watcher(&self) -> Result<RecommendedWatcher, WatchError> {
        let inbox = self.clone();
        Ok(notify::recommended_watcher(move |event| inbox.put(Word::Event(event)))?)
    }
}
