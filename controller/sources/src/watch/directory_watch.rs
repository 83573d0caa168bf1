//! Tells when to look at directories again.

use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use super::inbox::{Inbox, Word};
use super::root::{Root, matters};
use super::{WatchError, WatchRoot};

/// Events so close together are one: programs that write many files, or one in many steps.
const DEBOUNCE: Duration = Duration::from_millis(20);
/// A directory that never rests is looked at so often.
const MAX_DEBOUNCE: Duration = Duration::from_millis(200);
/// How often it is checked whether the paths still lead to what is watched. No event tells that
/// a root was made again, or that a link on the way to it leads elsewhere.
const CHECK: Duration = Duration::from_secs(1);
/// A watch that begins waits so long for its roots. One that does not answer by then is watched as
/// soon as it does.
const PATIENCE: Duration = Duration::from_secs(1);

/// Wakes up a controller when something below directories may have changed.
///
/// A wake-up carries no data, may be needless, and may in rare cases be missing: whoever waits
/// looks from time to time all the same. Roots may be missing, come, go and be replaced; one on a
/// file system that does not answer stops none of the others.
#[derive(Debug)]
pub struct DirectoryWatch {
    roots: Vec<Root>,
    inbox: Inbox,
    debounce: Duration,
    events: Receiver<Word>,
    checked: Instant,
}

impl DirectoryWatch {
    /// Watches from now on.
    ///
    /// # Errors
    /// This host gives no watches at all. For a single root that can't be watched see
    /// [`DirectoryWatch::trouble`].
    pub fn new(roots: impl IntoIterator<Item = WatchRoot>) -> Result<Self, WatchError> {
        let (inbox, events) = Inbox::new();
        inbox.watcher()?;
        let root = |root| Root::new(root, inbox.clone());
        let mut roots: Vec<_> = roots.into_iter().map(root).collect();
        let until = Instant::now() + PATIENCE;
        roots.iter_mut().for_each(|root| root.wait(until));
        Ok(Self { roots, inbox, debounce: DEBOUNCE, events, checked: Instant::now() })
    }

    /// Sets how close together events count as one, in place of 20 ms.
    #[must_use]
    pub fn with_debounce(mut self, debounce: Duration) -> Self {
        self.debounce = debounce;
        self
    }

    /// Why something that is there is not watched. As long as that is so,
    /// [`DirectoryWatch::changed`] is true each time its timeout has passed.
    pub fn trouble(&self) -> Option<&WatchError> {
        self.roots.iter().find_map(Root::trouble)
    }

    /// Waits until something may have changed, or until the timeout has passed: true means look
    /// again. What changed since the last call counts.
    pub fn changed(&mut self, timeout: Duration) -> bool {
        self.changed_soon(timeout, || ())
    }

    /// The same; `soon` is called as soon as it is known that it will be true, which is before
    /// events have rested.
    pub fn changed_soon(&mut self, timeout: Duration, mut soon: impl FnMut()) -> bool {
        let deadline = Instant::now() + timeout;
        loop {
            let now = Instant::now();
            let look = self.checked + CHECK;
            if now >= look && self.refresh() {
                return true;
            }
            let wait = deadline.min(self.checked + CHECK).saturating_duration_since(now);
            match self.events.recv_timeout(wait) {
                Ok(word) if self.counts(&word) => {
                    soon();
                    self.settle();
                    self.refresh();
                    return true;
                }
                // What does not count never ends where git or an editor is busy.
                Ok(_) if Instant::now() > deadline + CHECK => return self.trouble().is_some(),
                Ok(_) => {}
                // More came than was kept, and what was kept did not count.
                Err(_) if self.inbox.take_lost() => return true,
                Err(_) if Instant::now() >= deadline => return self.trouble().is_some(),
                Err(_) => {}
            }
        }
    }

    /// Takes events until there are none for a moment.
    fn settle(&mut self) {
        let end = Instant::now() + MAX_DEBOUNCE.max(self.debounce);
        let mut quiet = Instant::now() + self.debounce;
        loop {
            let until = quiet.min(end);
            let wait = until.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(wait) {
                Ok(word) if Instant::now() < end && self.counts(&word) => {
                    quiet = Instant::now() + self.debounce;
                }
                Ok(_) if Instant::now() < end => {}
                _ => return,
            }
        }
    }

    /// After lost events or an error it is unknown what happened, and what is still watched.
    fn counts(&mut self, word: &Word) -> bool {
        match word {
            Word::Looked => self.roots.iter_mut().fold(false, |any, root| root.gather() | any),
            Word::Event(Ok(event)) if !event.need_rescan() => {
                let concerns =
                    |path: &std::path::PathBuf| self.roots.iter().any(|root| root.concerns(path));
                matters(event) && (event.paths.is_empty() || event.paths.iter().any(concerns))
            }
            Word::Event(_) => {
                self.roots.iter_mut().for_each(Root::forget);
                true
            }
        }
    }

    /// Has the roots looked at; true if one has become another than before.
    fn refresh(&mut self) -> bool {
        self.checked = Instant::now();
        self.roots.iter_mut().fold(false, |any, root| root.refresh() | any)
    }
}

#[cfg(test)]
mod tests {
    use notify::event::Flag;
    use notify::{Event, EventKind};

    use super::*;

    #[test]
    fn lost_events_and_errors_wake_up_and_watch_anew() {
        let dir = tempfile::tempdir().expect("dir");
        let root = WatchRoot { path: dir.path().to_owned(), recursive: false };
        let mut watch = DirectoryWatch::new([root]).expect("a watch");
        let lost = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        for event in [Ok(lost), Err(notify::Error::generic("it broke"))] {
            watch.inbox.put(Word::Event(event));
            assert!(watch.changed(Duration::from_secs(20)));
            // Once more when it is watched: what changed meanwhile is not told.
            assert!(watch.changed(Duration::from_secs(20)));
            assert!(!watch.changed(Duration::from_millis(100)));
            std::fs::write(dir.path().join("a.yaml"), "a").expect("write");
            assert!(watch.changed(Duration::from_secs(20)), "it is watched");
            while watch.changed(Duration::from_millis(100)) {}
        }
    }

    #[test]
    fn what_does_not_count_never_hides_what_does() {
        let dir = tempfile::tempdir().expect("dir");
        let root = WatchRoot { path: dir.path().to_owned(), recursive: false };
        let mut watch = DirectoryWatch::new([root]).expect("a watch");
        for _ in 0..5000 {
            let hidden = Event::new(EventKind::Any).add_path(dir.path().join(".hidden"));
            watch.inbox.put(Word::Event(Ok(hidden)));
        }
        assert!(watch.changed(Duration::from_secs(20)));
    }
}
