//! Texts that are waited for only so long.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use limekiln_api::template::{Fetch, FetchError, Fetched, Locator};

use super::super::Handle;
use super::beside::{LONG, now};

/// What failed after it had taken long is not asked for again for so long.
const REST: Duration = Duration::from_secs(60);

/// A text that came too late for a load is good for later ones for so long, as long as others of its
/// place are still waited for.
const GOOD: Duration = Duration::from_secs(600);

/// Fetches texts. A place that does not answer holds up one load for [`LONG`], and none after it;
/// what comes too late is kept for the next load, and the controller is woken for that.
#[derive(Clone)]
pub(super) struct Answers {
    fetch: Arc<dyn Fetch + Send + Sync>,
    late: Arc<Mutex<Late>>,
    patience: Duration,
}

/// What is known of texts that did not come in time, and of their places.
#[derive(Default)]
struct Late {
    questions: BTreeMap<Locator, Question>,
    /// Places that did not answer in time, and have not answered since; since when.
    slow: BTreeMap<String, Timestamp>,
    /// Places that this load could not wait for.
    waited_for: BTreeSet<String>,
    /// Whether this load has asked for anything.
    asked: bool,
    /// Something else is known since the last load began.
    news: bool,
    controller: Option<Handle>,
}

/// A text that nobody waits for any more.
struct Question {
    place: String,
    since: Timestamp,
    /// Asked now, since then.
    asking: Option<Instant>,
    answer: Option<Answer>,
    /// When it was answered.
    at: Instant,
    /// This load has asked for it.
    used: bool,
}

/// A text, or why there is none and what to do.
type Answer = Result<Fetched, (String, Option<String>)>;

/// Where an answer goes that comes in time.
type Tell = Sender<Result<Fetched, FetchError>>;

impl Answers {
    pub(super) fn new(fetch: Arc<dyn Fetch + Send + Sync>) -> Self {
        Self { fetch, late: Arc::default(), patience: LONG }
    }

    /// A load begins: all is fetched anew but what came too late for the last one.
    pub(super) fn begin(&self, controller: Option<&Handle>) {
        self.fetch.forget();
        let mut late = self.lock();
        late.news = false;
        late.asked = false;
        late.waited_for.clear();
        late.questions.values_mut().for_each(|question| question.used = false);
        late.controller = controller.cloned();
    }

    /// The load has ended. What it used up, or did not ask for, is forgotten.
    pub(super) fn end(&self) {
        let mut late = self.lock();
        if late.asked {
            let Late { questions, slow, waited_for, .. } = &mut *late;
            questions.retain(|_, question| question.is_kept(waited_for));
            slow.retain(|place, _| questions.values().any(|question| question.place == *place));
        }
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

    /// What is known without waiting; `None` of what is to be asked for. A slow place is asked beside.
    fn known(&self, place: &str, locator: &Locator) -> Option<Result<Fetched, FetchError>> {
        let mut late = self.lock();
        late.asked = true;
        if !late.questions.contains_key(locator) {
            late.slow.get(place)?;
            // Who has been silent for long is not asked for more.
            let asking = (!late.is_silent(place, self.patience))
                .then(|| self.begin_to_ask(locator, None).ok().map(|()| Instant::now()))
                .flatten();
            if asking.is_some() {
                late.questions.insert(locator.clone(), Question::new(place, now(), asking));
            }
        }
        let Some(question) = late.questions.get_mut(locator) else {
            late.waited_for.insert(place.to_owned());
            let since = late.slow.get(place).copied().unwrap_or_else(now);
            return Some(Err(silent(place, since)));
        };
        question.used = true;
        if question.is_due() {
            question.asking = self.begin_to_ask(locator, None).ok().map(|()| Instant::now());
        }
        Some(match &question.answer {
            Some(Ok(text)) => Ok(text.clone()),
            Some(Err((why, hint))) => {
                Err(FetchError { hint: hint.clone(), ..FetchError::new(why.clone()) })
            }
            None => {
                let since = question.since;
                late.waited_for.insert(place.to_owned());
                Err(silent(place, since))
            }
        })
    }

    fn ask(&self, place: String, locator: &Locator) -> Result<Fetched, FetchError> {
        let (tell, told) = mpsc::channel();
        let (since, begun) = (now(), Instant::now());
        self.begin_to_ask(locator, Some(tell))?;
        match told.recv_timeout(self.patience) {
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
        let question = Question { used: true, ..Question::new(&place, since, Some(begun)) };
        late.questions.insert(locator.clone(), question);
        late.waited_for.insert(place.clone());
        late.slow.entry(place).or_insert(since);
        Err(error)
    }

    /// In a thread of its own: nobody can end who waits for a file system that is gone, and the end
    /// of the process must not wait for it either.
    fn begin_to_ask(&self, locator: &Locator, tell: Option<Tell>) -> Result<(), FetchError> {
        let (answers, of) = (self.clone(), locator.clone());
        let ask = move || {
            let answer = answers.fetch.fetch(&of);
            let mut late = answers.lock();
            if let Some(answer) = late.take(&of, answer, answers.patience)
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
    /// Whether it owes an answer for long.
    fn is_silent(&self, place: &str, patience: Duration) -> bool {
        let owes = |one: &Question| one.asking.is_some_and(|since| since.elapsed() >= patience);
        self.questions.values().any(|question| question.place == place && owes(question))
    }

    /// Keeps an answer that comes late; gives back one that comes in time.
    fn take(
        &mut self,
        of: &Locator,
        answer: Result<Fetched, FetchError>,
        patience: Duration,
    ) -> Option<Result<Fetched, FetchError>> {
        let asked = self.questions.get_mut(of);
        let Some((question, since)) = asked.and_then(|one| one.asking.map(|since| (one, since)))
        else {
            return Some(answer);
        };
        // Who has no text for long may just as well be away.
        if answer.is_ok() || since.elapsed() < patience {
            self.slow.remove(&question.place);
        }
        let answer = Some(answer.map_err(|error| (error.chain(), error.hint)));
        (question.asking, question.at) = (None, Instant::now());
        if question.answer != answer {
            question.answer = answer;
            self.news = true;
            self.controller.iter().for_each(Handle::again);
        }
        None
    }
}

impl Question {
    fn new(place: &str, since: Timestamp, asking: Option<Instant>) -> Self {
        let (place, at) = (place.to_owned(), Instant::now());
        Self { place, since, asking, answer: None, at, used: false }
    }

    /// Whether it failed long enough ago to be asked again.
    fn is_due(&self) -> bool {
        let failed = matches!(self.answer, Some(Err(_)));
        self.asking.is_none() && failed && self.at.elapsed() >= REST
    }

    /// Whether a later load is to know of it.
    fn is_kept(&self, waited_for: &BTreeSet<String>) -> bool {
        self.asking.is_some()
            || self.used
                && match &self.answer {
                    // With the others of its place it makes a whole.
                    Some(Ok(_)) => waited_for.contains(&self.place) && self.at.elapsed() < GOOD,
                    _ => true,
                }
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Receiver;

    use super::*;

    /// Asked for one text after the other; answers when it is told to, and counts.
    struct Server {
        asked: Mutex<Vec<String>>,
        answers: Mutex<BTreeMap<String, Receiver<Result<Fetched, FetchError>>>>,
    }

    impl Fetch for Server {
        fn fetch(&self, locator: &Locator) -> Result<Fetched, FetchError> {
            let Locator::Http(url) = locator else { return Err(FetchError::new("no")) };
            self.asked.lock().unwrap().push(url.clone());
            let answers = self.answers.lock().unwrap().remove(url);
            answers.map_or_else(|| Ok(text(url)), |answers| answers.recv().unwrap())
        }
    }

    fn text(url: &str) -> Fetched {
        Fetched { bytes: url.into(), place: url.to_owned() }
    }

    struct Slow {
        server: Arc<Server>,
        answers: Answers,
        tell: BTreeMap<&'static str, Sender<Result<Fetched, FetchError>>>,
    }

    impl Slow {
        /// These texts take long.
        fn new(slow: &[&'static str]) -> Self {
            let (mut tell, mut wait) = (BTreeMap::new(), BTreeMap::new());
            for url in slow {
                let (sender, receiver) = mpsc::channel();
                tell.insert(*url, sender);
                wait.insert((*url).to_owned(), receiver);
            }
            let server = Server { asked: Mutex::default(), answers: wait.into() };
            let server = Arc::new(server);
            let patience = Duration::from_millis(50);
            let answers = Answers { patience, ..Answers::new(Arc::clone(&server) as _) };
            Self { server, answers, tell }
        }

        /// Loads these; what each comes to.
        fn load(&self, urls: &[&str]) -> Vec<Result<String, String>> {
            self.answers.begin(None);
            let fetch = |url: &&str| {
                let fetched = self.answers.fetch(&Locator::Http((*url).to_owned()));
                let text = fetched.map(|it| String::from_utf8(it.bytes).unwrap());
                text.map_err(|error| error.message.split(',').next().unwrap().to_owned())
            };
            let all = urls.iter().map(fetch).collect();
            self.answers.end();
            all
        }

        /// Has a text answered at last, and waits until that is known.
        fn answer(&self, url: &str, answer: Result<Fetched, FetchError>) {
            self.answers.begin(None);
            self.tell[url].send(answer).unwrap();
            self.comes();
        }

        /// Waits for something that is asked for beside.
        fn comes(&self) {
            let begun = Instant::now();
            while !self.answers.are_news() {
                assert!(begun.elapsed() < Duration::from_secs(10), "nothing comes");
                thread::sleep(Duration::from_millis(1));
            }
        }

        fn times(&self, url: &str) -> usize {
            self.server.asked.lock().unwrap().iter().filter(|one| *one == url).count()
        }
    }

    const A: &str = "http://h/a";
    const B: &str = "http://h/b";

    fn silent() -> Result<String, String> {
        Err("http://h does not answer".to_owned())
    }

    #[test]
    fn two_texts_of_a_slow_place_come_together() {
        let slow = Slow::new(&[A, B]);
        assert_eq!(slow.load(&[A, B]), [silent(), silent()]);
        assert_eq!(slow.times(B), 0, "who is silent is not asked for more");
        slow.answer(A, Ok(text(A)));
        assert_eq!(slow.load(&[A, B]), [Ok(A.to_owned()), silent()]);
        slow.answer(B, Ok(text(B)));
        let both = [Ok(A.to_owned()), Ok(B.to_owned())];
        assert_eq!(slow.load(&[A, B, A]), [&both[..], &both[..1]].concat());
        assert_eq!((slow.times(A), slow.times(B)), (1, 1));
        // All was had: from now on it is fetched anew, as from any other place.
        assert_eq!(slow.load(&[A, B]), both);
        assert_eq!((slow.times(A), slow.times(B)), (2, 2));
    }

    #[test]
    fn a_wrong_address_is_wrong_for_itself_alone() {
        let slow = Slow::new(&[A]);
        assert_eq!(slow.load(&[A]), [silent()]);
        slow.answer(A, Err(FetchError::new("404")));
        // It is asked for beside: nobody waits for a place that was silent before.
        assert_eq!(slow.load(&[A, B]), [Err("404".to_owned()), silent()]);
        slow.comes();
        assert_eq!(slow.load(&[A, B]), [Err("404".to_owned()), Ok(B.to_owned())]);
        // Who is not asked for it any more does not hear of it either.
        assert_eq!(slow.load(&[B])[0], Ok(B.to_owned()));
        assert_eq!(slow.load(&[B])[0], Ok(B.to_owned()));
        assert!(slow.answers.lock().questions.is_empty());
        assert_eq!(slow.times(A), 1);
    }
}
