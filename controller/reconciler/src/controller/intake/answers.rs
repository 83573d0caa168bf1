//! Texts that are waited for only so long.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use limekiln_api::template::{Fetch, FetchError, Fetched, Locator};

use super::super::Handle;
use super::beside::{LONG, now};

/// A place that failed after it had been silent is not asked again for so long.
const REST: Duration = Duration::from_secs(60);

/// Fetches texts. A place that does not answer holds up one load for [`LONG`], and none after it;
/// its answer, when there is one, is kept for the next load, and the controller is woken for that.
#[derive(Clone)]
pub(super) struct Answers {
    fetch: Arc<dyn Fetch + Send + Sync>,
    late: Arc<Mutex<Late>>,
}

/// What is known of places that did not answer in time.
#[derive(Default)]
struct Late {
    places: BTreeMap<String, Asked>,
    /// Something else is known since the last load began.
    news: bool,
    controller: Option<Handle>,
}

/// The question that took long.
struct Asked {
    locator: Locator,
    since: Timestamp,
    /// It is asked now.
    asking: bool,
    answer: Option<Answer>,
    /// When it was answered.
    at: Instant,
}

/// A text, or why there is none and what to do.
type Answer = Result<Fetched, (String, Option<String>)>;

/// Where an answer goes that comes in time.
type Tell = Sender<Result<Fetched, FetchError>>;

impl Answers {
    pub(super) fn new(fetch: Arc<dyn Fetch + Send + Sync>) -> Self {
        Self { fetch, late: Arc::default() }
    }

    /// A load begins: all is fetched anew but what came too late for the last one.
    pub(super) fn begin(&self, controller: Option<&Handle>) {
        self.fetch.forget();
        let mut late = self.lock();
        late.news = false;
        late.controller = controller.cloned();
    }

    /// Whether something has come since the last load began.
    pub(super) fn are_news(&self) -> bool {
        self.lock().news
    }

    /// The text, if it comes soon.
    ///
    /// # Errors
    /// Those of the one who fetches; if nothing has come yet.
    pub(super) fn fetch(&self, locator: &Locator) -> Result<Fetched, FetchError> {
        let Some(place) = place_of(locator) else { return self.fetch.fetch(locator) };
        #[cfg(feature = "faults")]
        if crate::faults::is_simulation() {
            return self.fetch.fetch(locator);
        }
        match self.known(&place, locator) {
            Some(known) => known,
            None => self.ask(place, locator),
        }
    }

    /// What is known of a place without waiting for it.
    fn known(&self, place: &str, locator: &Locator) -> Option<Result<Fetched, FetchError>> {
        let mut late = self.lock();
        let asked = late.places.get_mut(place)?;
        if let Some(Ok(_)) = &asked.answer {
            let asked = late.places.remove(place)?;
            return asked.answer?.ok().filter(|_| asked.locator == *locator).map(Ok);
        }
        if !asked.asking && asked.at.elapsed() >= REST {
            asked.asking = self.begin_to_ask(place, &asked.locator, None).is_ok();
        }
        let same = asked.answer.as_ref().filter(|_| asked.locator == *locator);
        let Some(Err((why, hint))) = same else { return Some(Err(silent(place, asked.since))) };
        Some(Err(FetchError { hint: hint.clone(), ..FetchError::new(why.clone()) }))
    }

    fn ask(&self, place: String, locator: &Locator) -> Result<Fetched, FetchError> {
        let (tell, told) = mpsc::channel();
        let since = now();
        self.begin_to_ask(&place, locator, Some(tell))?;
        match told.recv_timeout(LONG) {
            Ok(answer) => return answer,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(FetchError::new(format!("cannot get {locator}: internal error")));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        let mut late = self.lock();
        // It may have come in this moment.
        if let Ok(answer) = told.try_recv() {
            return answer;
        }
        let error = silent(&place, since);
        let (locator, at) = (locator.clone(), Instant::now());
        late.places.insert(place, Asked { locator, since, asking: true, answer: None, at });
        Err(error)
    }

    /// In a thread of its own: nobody can end who waits for a file system that is gone, and the end
    /// of the process must not wait for it either.
    fn begin_to_ask(
        &self,
        place: &str,
        locator: &Locator,
        tell: Option<Tell>,
    ) -> Result<(), FetchError> {
        let (answers, place, of) = (self.clone(), place.to_owned(), locator.clone());
        let ask = move || {
            let answer = answers.fetch.fetch(&of);
            let mut late = answers.lock();
            if let Some(answer) = late.take(&place, &of, answer)
                && let Some(tell) = tell
            {
                let _ = tell.send(answer);
            }
        };
        let begun = thread::Builder::new().spawn(ask);
        let failed = |error| FetchError::new(format!("cannot get {locator}")).because(error);
        begun.map(drop).map_err(failed)
    }

    fn lock(&self) -> MutexGuard<'_, Late> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Late {
    /// Keeps an answer that comes late; gives back one that comes in time.
    fn take(
        &mut self,
        place: &str,
        of: &Locator,
        answer: Result<Fetched, FetchError>,
    ) -> Option<Result<Fetched, FetchError>> {
        let asked = self.places.get_mut(place);
        let Some(asked) = asked.filter(|asked| asked.asking && asked.locator == *of) else {
            return Some(answer);
        };
        let answer = Some(answer.map_err(|error| (error.chain(), error.hint)));
        (asked.asking, asked.at) = (false, Instant::now());
        if asked.answer != answer {
            asked.answer = answer;
            self.news = true;
            self.controller.iter().for_each(Handle::wake);
        }
        None
    }
}

fn silent(place: &str, since: Timestamp) -> FetchError {
    let error = FetchError::new(format!("{place} does not answer, asked at {since}"));
    error.hint("it is asked again by itself; nothing is done to this object until it answers")
}

/// What answers or does not as a whole: a server, a directory, whoever knows a scheme. `None` of
/// what is not asked for anywhere.
fn place_of(locator: &Locator) -> Option<String> {
    let directory = |path: &Path| path.parent().unwrap_or(path).display().to_string();
    match locator {
        Locator::Template(_) | Locator::Stdin => None,
        Locator::File(path) | Locator::FileUrl(path) => Some(directory(path)),
        Locator::Github(_) => Some("github".to_owned()),
        Locator::Http(url) => Some(url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/")),
        Locator::Plugin { scheme, .. } => Some(format!("{scheme}:")),
    }
}
