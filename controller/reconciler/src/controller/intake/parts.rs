//! The texts that manifests build on: templates and scripts, of this host or from elsewhere.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use limekiln_api::Stamp;
use limekiln_api::template::{Fetch, FetchError, Fetched, Locator};
use tokio::time::Instant;

use super::super::Handle;
use super::answers::Answers;

/// Between two tries to get what could not be had; longer each time.
const SOONEST: Duration = Duration::from_secs(5);
const LATEST: Duration = Duration::from_secs(300);
/// A file that was written so shortly ago may be half written.
const QUIET: Duration = Duration::from_millis(200);

/// Fetches them, and knows when they are to be fetched again.
///
/// A revision tells nothing of them: a file of this host may change without it, and what could not
/// be had, since the network was not there yet, may be there now.
pub(super) struct Parts {
    answers: Answers,
    used: Arc<Mutex<Used>>,
}

/// Fetches, and notes which files of this host are read. It may wait for both for ever.
struct Noting {
    fetch: Arc<dyn Fetch + Send + Sync>,
    used: Arc<Mutex<Used>>,
}

/// What the last load asked for.
#[derive(Default)]
struct Used {
    /// Files of this host, as they were before they were read; `None` of one that was not there.
    files: BTreeMap<PathBuf, Option<Stamp>>,
    failed: bool,
    /// When what failed is tried again, and how long that is waited for.
    retry: Option<(Instant, Duration)>,
}

impl Parts {
    pub(super) fn new(fetch: Arc<dyn Fetch + Send + Sync>) -> Self {
        let used = Arc::default();
        let noting = Noting { fetch, used: Arc::clone(&used) };
        Self { answers: Answers::new(Arc::new(noting)), used }
    }

    /// A load begins: everything is fetched anew. What comes too late for it wakes the controller.
    pub(super) fn begin(&self, controller: Option<&Handle>) {
        self.answers.begin(controller);
        let mut used = self.lock();
        used.files.clear();
        used.failed = false;
    }

    /// The load has ended.
    pub(super) fn end(&self) {
        self.answers.end();
        let mut used = self.lock();
        let wait = used.retry.map_or(SOONEST, |(_, wait)| (wait * 2).min(LATEST));
        used.retry = used.failed.then(|| (Instant::now() + wait, wait));
    }

    /// Whether there is anything that [`Self::are_news`] will ever be true of.
    pub(super) fn may_change(&self) -> bool {
        let used = self.lock();
        used.failed || !used.files.is_empty()
    }

    /// Whether a load may come to something else than the last one, though the manifests are the
    /// same, as far as that shows without a look at files.
    pub(super) fn are_due(&self) -> bool {
        let retry = self.lock().retry;
        retry.is_some_and(|(at, _)| at <= Instant::now()) || self.answers.are_news()
    }

    /// Whether there are files to be looked at.
    pub(super) fn has_files(&self) -> bool {
        !self.lock().files.is_empty()
    }

    /// The same as far as it shows in files. Blocks.
    pub(super) fn are_news(&self) -> bool {
        let (files, now) = (self.lock().files.clone(), SystemTime::now());
        files.iter().any(|(path, then)| is_news(path, then.as_ref(), now))
    }

    fn lock(&self) -> MutexGuard<'_, Used> {
        lock(&self.used)
    }
}

impl Fetch for Parts {
    fn fetch(&self, locator: &Locator) -> Result<Fetched, FetchError> {
        let failed = |_: &FetchError| self.lock().failed = true;
        self.answers.fetch(locator).inspect_err(failed)
    }
}

impl Noting {
    fn note(&self, path: &Path, now: SystemTime) {
        let stamp = stamp(path, now);
        lock(&self.used).files.entry(path.to_owned()).or_insert(stamp);
    }
}

impl Fetch for Noting {
    fn fetch(&self, locator: &Locator) -> Result<Fetched, FetchError> {
        let now = SystemTime::now();
        if let Locator::File(path) | Locator::FileUrl(path) = locator {
            self.note(path, now);
        }
        let fetched = self.fetch.fetch(locator)?;
        // A name leads to a file of this host, unless it is built in.
        if Path::new(&fetched.place).is_absolute() {
            self.note(Path::new(&fetched.place), now);
        }
        Ok(fetched)
    }

    fn forget(&self) {
        self.fetch.forget();
    }
}

fn lock(used: &Mutex<Used>) -> MutexGuard<'_, Used> {
    used.lock().unwrap_or_else(PoisonError::into_inner)
}

fn stamp(path: &Path, now: SystemTime) -> Option<Stamp> {
    path.metadata().ok().map(|data| Stamp::of(&data, now))
}

fn is_news(path: &Path, then: Option<&Stamp>, now: SystemTime) -> bool {
    match (then, stamp(path, now)) {
        (None, None) => false,
        (Some(_), None) => true,
        (then, Some(stamp)) => {
            let is_same = then.is_some_and(|then| then.holds(&stamp));
            // A time in the future tells nothing.
            !is_same && stamp.age(now).is_none_or(|age| age >= QUIET)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Reads files, and has nothing else.
    struct Files;

    impl Fetch for Files {
        fn fetch(&self, locator: &Locator) -> Result<Fetched, FetchError> {
            let Locator::File(path) = locator else { return Err(FetchError::new("unreachable")) };
            let bytes = fs::read(path).map_err(|error| FetchError::new("no").because(error))?;
            Ok(Fetched { bytes, place: path.display().to_string() })
        }
    }

    fn load(parts: &Parts, locator: &Locator) -> bool {
        parts.begin(None);
        let fetched = parts.fetch(locator).is_ok();
        parts.end();
        fetched
    }

    #[test]
    fn a_file_that_changed_comes_or_goes_is_news() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("setup.sh");
        let (parts, locator) = (Parts::new(Arc::new(Files)), Locator::File(path.clone()));
        let put = |text: &str| {
            fs::write(&path, text).expect("writable");
            std::thread::sleep(QUIET);
        };
        put("one");
        assert!(load(&parts, &locator) && !parts.are_news());
        put("two");
        assert!(parts.are_news());
        assert!(load(&parts, &locator) && !parts.are_news());
        fs::write(&path, "half").expect("writable");
        assert!(!parts.are_news(), "it may be half written");
        std::thread::sleep(QUIET);
        assert!(parts.are_news());
        fs::remove_file(&path).expect("there");
        assert!(parts.are_news(), "gone");
        assert!(!load(&parts, &locator));
        put("again");
        assert!(parts.are_news(), "before it would be tried again");
    }

    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_had_is_tried_again_more_and_more_seldom() {
        let (parts, far) = (Parts::new(Arc::new(Files)), Locator::Http("http://far".into()));
        for seconds in [5, 10, 20, 40, 80, 160, 300, 300] {
            assert!(!load(&parts, &far));
            tokio::time::sleep(Duration::from_secs(seconds - 1)).await;
            assert!(!parts.are_due(), "{seconds}");
            tokio::time::sleep(Duration::from_secs(2)).await;
            assert!(parts.are_due(), "{seconds}");
        }
    }
}
