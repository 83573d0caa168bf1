//! One repository, fetched beside everything else: a slow remote keeps nobody waiting.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use limekiln_sources::Snapshot;
use limekiln_sources::git::{GitConfig, GitError, GitOptions, GitSource, Stopper};
use tokio::sync::oneshot::{self, Receiver};
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use super::super::Handle;
use super::beside::{Broken, now};
use crate::error::chain;
use crate::requests::quoted;
use crate::{Home, Requests};

/// A fetch that is done so soon is waited for: most are.
pub(super) const SOON: Duration = Duration::from_millis(500);

/// How much longer than git itself may take a fetch is waited for before it is told of: git is ended
/// by then, and what came of that says more.
const GRACE: Duration = Duration::from_secs(5);

/// A repository, and its fetch if one runs.
pub(super) struct Repository {
    name: String,
    config: GitConfig,
    cache: PathBuf,
    options: GitOptions,
    /// Here while no fetch runs.
    git: Option<GitSource>,
    fetch: Option<Fetch>,
    stopper: Stopper,
}

/// A fetch that runs.
struct Fetch {
    done: Receiver<(GitSource, Fetched)>,
    begun: Instant,
    /// The same as people know it.
    since: Timestamp,
    /// Nobody has waited for it yet.
    fresh: bool,
}

/// What a fetch is held against.
pub(super) struct Asked {
    /// The last commit that was acted on.
    pub(super) trusted: Option<String>,
    /// Some let commits count that do not descend from it.
    pub(super) requests: Arc<Requests>,
}

/// How a fetch ended.
pub(super) struct Fetched {
    /// What the reference leads to, or why nobody knows.
    pub(super) read: Result<Snapshot, String>,
    /// What is in force where nothing was read.
    pub(super) last: Last,
}

/// The last commit acted on.
pub(super) enum Last {
    /// It stays as it is known, or is not known.
    AsKnown,
    /// From the cache, where that was asked for.
    Kept(Snapshot),
    /// It may not be acted on any more, by the keys of now.
    Fallen,
}

impl Repository {
    pub(super) fn open(name: &str, config: &GitConfig, home: &Home) -> Result<Self, GitError> {
        let cache = home.dir().join("git");
        let options = GitOptions::default();
        let git = GitSource::open(name, config, &cache, &options)?;
        let (name, config) = (name.to_owned(), config.clone());
        let stopper = git.stopper();
        Ok(Self { name, config, cache, options, git: Some(git), fetch: None, stopper })
    }

    /// The same, fetching in another way from the next fetch on.
    pub(super) fn fetching(&mut self, options: &GitOptions) {
        (self.options, self.git) = (options.clone(), None);
    }

    /// The repository. It is opened anew after a fetch that broke in the middle and took it along.
    fn take(&mut self) -> Option<GitSource> {
        if self.git.is_none() && self.fetch.is_none() {
            let opened = GitSource::open(&self.name, &self.config, &self.cache, &self.options);
            let warn = |error: &GitError| warn!("the repository cannot be opened: {error}");
            self.git = opened.inspect_err(warn).ok();
            self.stopper = self.git.as_ref()?.stopper();
        }
        self.git.take()
    }

    /// Begins a fetch, unless one runs. Where it fails and nothing is `known`, the last commit
    /// acted on is read from the cache.
    pub(super) fn begin(&mut self, asked: Asked, known: bool, controller: &Handle) {
        let Some(git) = self.take() else { return };
        let controller = controller.clone();
        let source = format!("git:{}", self.name);
        let (tell, done) = oneshot::channel();
        tokio::task::spawn_blocking(move || {
            // Told before the controller is woken, which would look in vain. Who has gone does not
            // want it any more.
            let _ = tell.send(fetch(git, &source, &asked, known));
            controller.again();
        });
        self.fetch = Some(Fetch { done, begun: Instant::now(), since: now(), fresh: true });
    }

    /// Whether a fetch runs.
    pub(super) fn is_busy(&self) -> bool {
        self.fetch.is_some()
    }

    /// Since when a fetch runs, if that is longer than git may take: a file system that does not
    /// answer ends by no deadline.
    pub(super) fn since(&self) -> Option<Timestamp> {
        let long = self.options.timeout + GRACE;
        let slow = self.fetch.as_ref().filter(|fetch| fetch.begun.elapsed() >= long);
        slow.map(|fetch| fetch.since)
    }

    /// What was fetched, if that is done, or will be by `soon`. A fetch is waited for once: one
    /// that takes long keeps nobody waiting again.
    pub(super) async fn fetched(&mut self, soon: Instant) -> Option<Fetched> {
        let fetch = self.fetch.as_mut()?;
        let until = if std::mem::take(&mut fetch.fresh) { soon } else { Instant::now() };
        let done = timeout_at(until, &mut fetch.done).await.ok()?;
        self.fetch = None;
        match done {
            Ok((git, fetched)) => {
                self.git = Some(git);
                Some(fetched)
            }
            Err(_) => Some(Fetched { read: Err(Broken.to_string()), last: Last::AsKnown }),
        }
    }
}

/// A git that runs is ended with the controller.
impl Drop for Repository {
    fn drop(&mut self) {
        self.stopper.stop();
    }
}

fn fetch(mut git: GitSource, source: &str, asked: &Asked, known: bool) -> (GitSource, Fetched) {
    let trusted = asked.trusted.as_deref();
    let fetched = match git.fetch(trusted, None) {
        Err(GitError::Rewound { to, .. }) if asked.requests.may_rewind(source, &to) => {
            git.fetch(trusted, Some(&to))
        }
        other => other,
    };
    let (read, last) = match (fetched, trusted) {
        (Ok(read), _) => (Ok(read), Last::AsKnown),
        (Err(error), None) => (Err(refused(&error, source)), Last::AsKnown),
        (Err(error), Some(commit)) => match git.stands(commit) {
            Ok(()) if known => (Err(refused(&error, source)), Last::AsKnown),
            Ok(()) => {
                let kept = git.last_good(commit).map_or(Last::AsKnown, Last::Kept);
                (Err(refused(&error, source)), kept)
            }
            Err(fault) => {
                let is_pinned = asked.requests.pinned.contains_key(source);
                (Err(fallen(&error, &fault, (commit, is_pinned), source)), Last::Fallen)
            }
        },
    };
    (git, Fetched { read, last })
}

fn refused(error: &GitError, source: &str) -> String {
    match error {
        GitError::Rewound { to, .. } => {
            let command = format!("limekiln ack {to} --source {}", quoted(source));
            let way = format!("nothing is done; if it was meant: `{command}`");
            told(error, Some(&way))
        }
        _ => told(error, error.hint()),
    }
}

/// That what is in force cannot be trusted any more, beside what the fetch came to where that is
/// another thing.
fn fallen(
    error: &GitError,
    fault: &GitError,
    (last, is_pinned): (&str, bool),
    source: &str,
) -> String {
    let held = if is_pinned {
        format!("what {source} is rolled back to stays in force, if it is kept")
    } else {
        format!("it is in force, so what came from {source} is left alone")
    };
    let told_last = match fault {
        GitError::Untrusted { .. } => {
            let way = "take its key back in, or push a commit on top of it that is signed by a trusted key";
            told(fault, Some(&format!("{held}: {way}")))
        }
        _ => {
            let why = format!("the signature of commit {last} cannot be checked: ");
            why + &told(fault, Some(&format!("{held} until it can be")))
        }
    };
    let same = matches!(error, GitError::Untrusted { commit, .. } if commit == last);
    if same { told_last } else { format!("{}; {told_last}", refused(error, source)) }
}

/// An error with its causes and what to do, on one line.
pub(super) fn told(error: &dyn Error, hint: Option<&str>) -> String {
    chain(error) + &hint.map(|hint| format!(" ({hint})")).unwrap_or_default()
}
