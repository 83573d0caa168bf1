//! One directory that is watched.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use notify::{Event, EventKind};

use super::WatchError;
use super::inbox::{Inbox, Word};
use super::place::{News, Place, WatchedPath};

/// What is watched: a directory, or a file by the directory that it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchRoot {
    /// Where; it may not exist yet.
    pub path: PathBuf,
    /// Whether directories below it count too.
    pub recursive: bool,
}

/// A root, and what its path led to when it was last looked at. A thread of its own looks: a file
/// system that does not answer stops the watch of this root, and of no other.
#[derive(Debug)]
pub(super) struct Root {
    place: Option<Place>,
    trouble: Option<WatchError>,
    /// It is unknown what is still watched.
    anew: bool,
    /// Asks for a look, anew or not. The thread ends when this does.
    ask: Sender<bool>,
    looked: Receiver<Option<News>>,
    looks: bool,
}

impl Root {
    /// Begins to watch: [`Root::wait`] tells when it does.
    pub(super) fn new(wanted: WatchRoot, inbox: Inbox) -> Self {
        let (ask, asked) = channel();
        let (tell, looked) = channel();
        thread::spawn(move || {
            let mut path = WatchedPath::new(wanted, inbox.clone());
            for anew in asked {
                let news = path.look(anew);
                let is_new = news.is_some();
                if tell.send(news).is_err() {
                    return;
                }
                if is_new {
                    inbox.put(Word::Looked);
                }
            }
        });
        let mut root = Self { place: None, trouble: None, anew: false, ask, looked, looks: false };
        root.refresh();
        root
    }

    /// Waits for the first look, and then no more: what comes later tells itself.
    pub(super) fn wait(&mut self, until: Instant) {
        let wait = until.saturating_duration_since(Instant::now());
        if let Ok(news) = self.looked.recv_timeout(wait.max(Duration::from_millis(1))) {
            self.take(news);
        }
    }

    /// Has it looked where the path leads to now, unless that goes on. True if another look has
    /// ended and found that it is somewhere else than before.
    pub(super) fn refresh(&mut self) -> bool {
        let moved = self.gather();
        if !self.looks {
            // A thread that has ended in a panic told so: the periodic look serves.
            self.looks = self.ask.send(std::mem::take(&mut self.anew)).is_ok();
        }
        moved
    }

    /// True if a look has ended and found that the path leads somewhere else than before.
    pub(super) fn gather(&mut self) -> bool {
        match self.looked.try_recv() {
            Ok(news) => self.take(news),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => false,
        }
    }

    fn take(&mut self, news: Option<News>) -> bool {
        self.looks = false;
        let Some(News { place, trouble, moved }) = news else { return false };
        (self.place, self.trouble) = (place, trouble);
        moved
    }

    /// Why it is there and can't be watched.
    pub(super) fn trouble(&self) -> Option<&WatchError> {
        self.trouble.as_ref()
    }

    /// Lets it be watched anew.
    pub(super) fn forget(&mut self) {
        self.anew = true;
    }

    /// Whether what happened at a path can matter here.
    pub(super) fn concerns(&self, path: &Path) -> bool {
        let Some(place) = &self.place else { return false };
        if place.watched != place.real {
            return path == place.real;
        }
        // Hidden files are never read, and git writes all the time to the one it has there.
        path.strip_prefix(&place.real)
            .is_ok_and(|below| !below.iter().any(|step| step.as_encoded_bytes().starts_with(b".")))
    }
}

/// What changes a snapshot. Reading does not: it would wake up whoever reads, for ever.
pub(super) fn matters(event: &Event) -> bool {
    event.need_rescan() || !matches!(event.kind, EventKind::Access(_))
}
