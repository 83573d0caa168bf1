//! The sources of a configuration file: directories and git repositories.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use limekiln_api::Diagnostic;
use limekiln_api::mutant::{Mutant, is_on};
use limekiln_api::template::Fetch;
use limekiln_sources::git::{GitError, GitOptions};
use limekiln_sources::{Input, ReadOptions, Snapshot, SourceConfig, SourceError, SourceKind};
use tokio::time::Instant;
use tracing::warn;

use super::super::Handle;
use super::beside::Beside;
use super::loads::{Loads, Revisions};
use super::parts::Parts;
use super::paths::{Paths, SETTLED};
use super::read_at::ReadAt;
use super::repository::{Asked, Fetched, Last, Repository, SOON, told};
use super::trusted::Trusted;
use super::unread::{Unread, hold, hold_all};
use super::{Foresight, InForce, Intake, Taken, Tell, Unkept, identity_of, load, still};
use crate::load::LoadCache;
use crate::policy::{Existing, HostPolicy, Policies, PolicyError};
use crate::{Home, Loaded, OfSource, ReconcileError, Reconciler};

/// How often a repository is asked when its configuration does not say.
const INTERVAL: u64 = 60;
/// The most that its configuration may say, in seconds: a week. No time to come overflows by it.
const LONGEST_INTERVAL: u64 = 604_800;

/// So long a look at what there is may take before anything was planned.
const FIRST_LOOK: Duration = Duration::from_secs(60);

/// Several sources, each read by itself: one that cannot be read keeps none of the others.
pub struct Configured {
    sources: Vec<Source>,
    trusted: Trusted,
    /// Whether it has read anything yet.
    begun: bool,
    loads: Loads,
    policies: Arc<Policies>,
    /// By what the sources were known when their policies were put together.
    identities: Vec<Option<String>>,
    tell: Option<Tell>,
    /// Of which revisions it was told last, and what.
    told: Option<(Revisions, Vec<Diagnostic>)>,
    cache: Arc<LoadCache>,
    foresight: Foresight,
    unkept: Unkept,
    in_force: InForce,
    /// When somebody last asked for something by hand.
    asked: Vec<Option<SystemTime>>,
    /// How often it was looked at them.
    look: u64,
    /// Whether what is in force was loaded from something else than what they held at the last look.
    is_behind: bool,
}

/// A source, and what it held when it was last read.
struct Source {
    config: SourceConfig,
    policy: Option<HostPolicy>,
    /// What its snapshots are known by; of a directory once it was looked where its path leads.
    identity: Option<String>,
    /// A directory's.
    paths: Option<Paths>,
    reading: Beside<Read>,
    repository: Option<Repository>,
    snapshot: Option<Snapshot>,
    /// The same of a repository, for who looks ahead.
    fetched: Arc<Mutex<Option<Snapshot>>>,
    /// What was in force may not be any more, by the keys of now.
    is_fallen: bool,
    error: Option<String>,
    next: Instant,
    /// Somebody asked for it while a fetch ran, which may have looked before.
    is_asked: bool,
    read_at: ReadAt,
}

/// What a directory is known by, and what it holds.
type Read = (String, Result<Vec<Snapshot>, SourceError>);

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfiguredError {
    /// A repository's is wrong.
    #[error("source {name}")]
    Git {
        /// Which.
        name: String,
        /// Why.
        #[source]
        source: GitError,
    },
    /// Two sources have one name.
    #[error("two sources are named {0}")]
    Twice(String),
    /// A source would be asked without a pause, or never.
    #[error(
        "source {name}: `interval` is {seconds} s, and may be {} s to {} s",
        .may_be.start(),
        .may_be.end()
    )]
    Interval {
        /// Which.
        name: String,
        /// As it is written.
        seconds: u64,
        /// What it may be.
        may_be: RangeInclusive<u64>,
    },
    /// The policy of a source is wrong.
    #[error("source {name}")]
    Policy {
        /// Which.
        name: String,
        /// Why.
        #[source]
        source: PolicyError,
    },
    /// What was acted on before cannot be read.
    #[error("it cannot be known which commits were acted on")]
    Trusted(#[source] std::io::Error),
}

impl Configured {
    /// Reads these sources; what their manifests build on comes from `fetch`. Touches no network and
    /// no source.
    ///
    /// # Errors
    /// If a configuration is wrong, or the notes on what was acted on are.
    pub fn new(
        configs: Vec<SourceConfig>,
        home: &Home,
        fetch: Arc<dyn Fetch + Send + Sync>,
    ) -> Result<Self, ConfiguredError> {
        let mut sources = Vec::<Source>::new();
        for config in configs {
            if sources.iter().any(|source| source.config.name == config.name) {
                return Err(ConfiguredError::Twice(config.name));
            }
            sources.push(Source::open(config, home)?);
        }
        let trusted = Trusted::read(home).map_err(ConfiguredError::Trusted)?;
        let (policies, asked) = (Arc::new(policies(&sources)), Vec::new());
        let identities = sources.iter().map(|source| source.identity.clone()).collect();
        let (cache, unkept, in_force) = (Arc::default(), Unkept::default(), InForce::default());
        let foresight = foresight(&sources, &policies, &cache);
        Ok(Self {
            sources,
            trusted,
            begun: false,
            loads: Loads::new(fetch),
            policies,
            identities,
            tell: None,
            told: None,
            cache,
            foresight,
            unkept,
            in_force,
            asked,
            look: 0,
            is_behind: true,
        })
    }

    /// The same, showing what was read each time that it is new.
    #[must_use]
    pub fn telling(self, tell: Tell) -> Self {
        Self { tell: Some(tell), ..self }
    }

    /// The same, reading its directories in another way.
    #[must_use]
    pub fn reading(mut self, options: &ReadOptions) -> Self {
        for source in &mut self.sources {
            source.paths = paths(&source.config, options);
        }
        self.foresight = foresight(&self.sources, &self.policies, &self.cache);
        self
    }

    /// The same, fetching its repositories in another way.
    #[must_use]
    pub fn fetching(mut self, options: &GitOptions) -> Self {
        let repositories = self.sources.iter_mut().filter_map(|source| source.repository.as_mut());
        repositories.for_each(|repository| repository.fetching(options));
        self
    }

    /// Reads again which commits were acted on: a controller that worked until this one began may
    /// have gone on since, and what does not descend from its last commit must not pass.
    fn begin(&mut self, home: &Home) -> Result<(), ConfiguredError> {
        if !self.begun {
            self.trusted = Trusted::read(home).map_err(ConfiguredError::Trusted)?;
            self.begun = true;
        }
        Ok(())
    }

    /// Reads those sources whose time has come.
    async fn read(&mut self, reconciler: &Reconciler, controller: &Handle) {
        // Of requests that cannot be read nothing is known.
        let requests = reconciler.requests().unwrap_or_default();
        let time = |file: PathBuf| file.metadata().ok()?.modified().ok();
        let asked: Vec<_> = reconciler.home().requests().into_iter().map(time).collect();
        let all = std::mem::replace(&mut self.asked, asked.clone()) != asked;
        self.look += 1;
        for source in &mut self.sources {
            if all || source.is_asked || Instant::now() >= source.next {
                let trusted = self.trusted.commit(&source.config.name).map(str::to_owned);
                let asked = Asked { trusted, requests: Arc::clone(&requests) };
                source.begin(asked, all, self.look, controller);
            }
        }
        let (begun, mut at) = (Instant::now(), Vec::new());
        for source in &mut self.sources {
            source.look(begun, controller).await;
            let read = source.snapshot.as_ref().filter(|_| source.repository.is_some());
            let Some(snapshot) = read else { continue };
            match self.trusted.note(&source.config.name, &snapshot.revision) {
                Ok(()) => at.push(OfSource::new(&snapshot.source, &snapshot.revision)),
                Err(error) => warn!("it cannot be noted which commit was acted on: {error}"),
            }
        }
        // Not before that is noted: after a crash the rewind would be refused.
        if let Err(error) = requests.arrive(reconciler.home(), &at) {
            warn!("it cannot be noted that a rewind was followed: {error}");
        }
    }

    /// Puts the policies to the sources again when it has come to be known what these are called.
    fn identify(&mut self) {
        let now: Vec<_> = self.sources.iter().map(|source| source.identity.clone()).collect();
        if now != self.identities {
            self.identities = now;
            self.policies = Arc::new(policies(&self.sources));
            self.foresight = foresight(&self.sources, &self.policies, &self.cache);
        }
    }

    /// Sources that have neither been read nor said why not; all, as long as nothing was loaded.
    fn unread(&self, has_loaded: bool) -> Vec<String> {
        let sources = self.sources.iter();
        let unread = sources
            .filter(|source| source.error.is_none() && (source.snapshot.is_none() || !has_loaded));
        unread.map(|source| source.config.name.clone()).collect()
    }

    /// What there is, if a policy allows so much in all: as it was last seen.
    async fn existing(
        &self,
        reconciler: &Reconciler,
        controller: &Handle,
    ) -> Result<Option<Existing>, ReconcileError> {
        if !self.policies.have_totals() {
            return Ok(None);
        }
        let (planned, busy) = {
            let state = controller.state();
            let state = state.borrow();
            (state.planned.clone(), state.busy.iter().cloned().collect())
        };
        Ok(Some(match planned {
            Some(planned) => Existing::of(&planned.observed).and_busy(&busy, &planned.desired),
            None => Existing::of(&reconciler.observe_within(FIRST_LOOK).await?),
        }))
    }

    async fn load(
        &mut self,
        reconciler: &Arc<Reconciler>,
        controller: &Handle,
    ) -> Result<Taken, ReconcileError> {
        self.is_behind = true;
        let mut snapshots: Vec<_> =
            self.sources.iter().filter_map(|source| source.snapshot.clone()).collect();
        self.unkept.read(&snapshots);
        let mut errors = self.in_force.put(reconciler, &mut snapshots)?;
        let fallen = self.sources.iter().filter(|source| source.is_fallen);
        let mut fallen: BTreeSet<_> = fallen.filter_map(|source| source.identity.clone()).collect();
        errors.extend(self.in_force.put_pinned(reconciler, &mut fallen, &mut snapshots)?);
        let of: Vec<_> = snapshots.iter().map(identity_of).collect();
        let mut now = of.clone();
        let all: BTreeSet<_> = self.identities.iter().flatten().cloned().collect();
        let knows_all = self.identities.iter().all(Option::is_some);
        // What is left alone for that is not any more once all are known: it is loaded anew then.
        now.extend((!knows_all).then(<(String, String)>::default));
        now.extend(fallen.iter().map(|source| (source.clone(), String::new())));
        let existing = self.existing(reconciler, controller).await?;
        // What there is room for changes with what there is.
        let print = |there: &Existing| (String::new(), there.print(&self.policies).0);
        now.extend(existing.as_ref().map(print));
        let existing = existing.unwrap_or_default();
        if self.loads.are_current(&now, controller).await {
            self.is_behind = false;
            return Ok(Taken { errors, ..Taken::default() });
        }
        let reconciler = Arc::clone(reconciler);
        let (policies, cache) = (Arc::clone(&self.policies), Arc::clone(&self.cache));
        let pruned = self.sources.iter().filter(|source| source.config.prune);
        let pruned: BTreeSet<_> =
            pruned.filter_map(|source| Some(source.snapshot.as_ref()?.source.clone())).collect();
        let work = move |parts: &Parts| {
            let under = (&*policies, &existing);
            let mut loaded = load(&reconciler, &snapshots, parts, None, under, &cache)?;
            let unread = if knows_all { Unread::of } else { Unread::and_unknown };
            hold_all(&mut loaded, &fallen, &reconciler)?;
            hold(&mut loaded, &unread(all, &snapshots), &reconciler)?;
            spare(&mut loaded, &pruned);
            Ok(loaded)
        };
        let loaded = self.loads.load(now.clone(), &self.foresight, controller, work).await?;
        self.is_behind = !self.loads.are_of(&now);
        if let Some(loaded) = &loaded {
            self.tell(of, loaded);
        }
        Ok(Taken { loaded, errors, ..Taken::default() })
    }

    /// Shows what was read, unless it is what was shown last: what there is has changed then.
    fn tell(&mut self, of: Revisions, loaded: &Loaded) {
        let told = Some((of, loaded.diagnostics.clone()));
        if let Some(tell) = self.tell.as_ref().filter(|_| self.told != told) {
            tell(loaded);
            self.told = told;
        }
    }
}

#[async_trait]
impl Intake for Configured {
    async fn take(&mut self, reconciler: &Arc<Reconciler>, controller: &Handle) -> Taken {
        if let Err(error) = self.begin(reconciler.home()) {
            return Taken { errors: vec![told(&error, None)], ..Taken::default() };
        }
        self.read(reconciler, controller).await;
        self.identify();
        let mut taken = match self.load(reconciler, controller).await {
            Ok(taken) => taken,
            Err(error) => Taken::failed(&error),
        };
        let has_loaded = self.loads.has_loaded() || !taken.errors.is_empty();
        let errors = self.sources.iter().filter_map(|source| {
            Some(format!("source {}: {}", source.config.name, source.trouble()?))
        });
        taken.errors.extend(errors);
        taken.errors.extend(self.loads.since().map(|since| still("loaded", since)));
        taken.unread = self.unread(has_loaded);
        taken
    }

    async fn keep(&mut self, reconciler: &Arc<Reconciler>) {
        self.unkept.keep(reconciler).await;
    }

    fn look(&self) -> Option<u64> {
        (self.sources.len() > 1).then_some(self.look)
    }

    fn may_have(&self, since: u64) -> Option<String> {
        if self.is_behind {
            return Some("newer manifests, which may have it, are not loaded yet".to_owned());
        }
        let source = self.sources.iter().find(|source| !source.read_at.is_since(since))?;
        let name = &source.config.name;
        Some(match source.trouble() {
            Some(_) => format!("source {name}, which cannot be read, may have it by now"),
            None => format!("source {name} may have it by now, and is read again first"),
        })
    }

    fn ask_since(&mut self, look: u64) -> bool {
        let mut any = false;
        // Who was asked in vain is again when its time has come; who is being read, when that has
        // ended.
        for source in self.sources.iter_mut().filter(|one| !one.read_at.was_tried_since(look)) {
            any |= !std::mem::replace(&mut source.is_asked, true);
        }
        any
    }

    fn foresight(&self) -> Option<Foresight> {
        // Who may do what is not known before.
        self.identities.iter().all(Option::is_some).then(|| self.foresight.clone())
    }
}

impl Source {
    fn open(config: SourceConfig, home: &Home) -> Result<Self, ConfiguredError> {
        let name = || config.name.clone();
        let may_be = intervals(&config.kind);
        if let Some(seconds) = config.interval.filter(|seconds| !may_be.contains(seconds)) {
            return Err(ConfiguredError::Interval { name: name(), seconds, may_be });
        }
        let policy = config.policy.as_ref().map(|file| HostPolicy::read(file)).transpose();
        let policy = policy.map_err(|source| ConfiguredError::Policy { name: name(), source })?;
        let (repository, identity) = match &config.kind {
            SourceKind::Directory(_) => (None, None),
            SourceKind::Git(git) => {
                let opened = Repository::open(&config.name, git, home);
                let opened =
                    opened.map_err(|source| ConfiguredError::Git { name: name(), source })?;
                (Some(opened), Some(format!("git:{}", config.name)))
            }
        };
        let paths = paths(&config, &ReadOptions::default());
        let (fetched, next) = (Arc::default(), Instant::now());
        Ok(Self {
            config,
            policy,
            identity,
            paths,
            reading: Beside::default(),
            repository,
            snapshot: None,
            fetched,
            is_fallen: false,
            error: None,
            next,
            is_asked: false,
            read_at: ReadAt::default(),
        })
    }

    /// Begins to read a directory, or to fetch a repository. One that is read or fetched already is
    /// once more when that has ended, if it was asked for `by_hand`.
    fn begin(&mut self, asked: Asked, by_hand: bool, look: u64, controller: &Handle) {
        if self.reading.is_busy() || self.repository.as_ref().is_some_and(Repository::is_busy) {
            self.is_asked |= by_hand;
            return;
        }
        self.is_asked = false;
        self.read_at.begins(look);
        let default = if self.repository.is_some() { INTERVAL } else { 0 };
        self.next = Instant::now() + Duration::from_secs(self.config.interval.unwrap_or(default));
        if let Some(repository) = &mut self.repository {
            repository.begin(asked, self.snapshot.is_some(), controller);
        }
        if let Some(paths) = &self.paths {
            let (paths, handle, config) = (paths.clone(), controller.clone(), self.config.clone());
            self.reading.begin(controller, move || (identity(&config), paths.read(&handle)));
        }
    }

    /// Takes what was read or fetched, if that is done, or will be soon.
    async fn look(&mut self, begun: Instant, controller: &Handle) {
        let ended = match &mut self.repository {
            Some(repository) => repository.fetched(begun + SOON).await.map(|fetched| {
                let Fetched { read, last } = fetched;
                self.is_fallen = matches!(last, Last::Fallen);
                match last {
                    Last::AsKnown => {}
                    Last::Kept(kept) => self.snapshot = Some(kept),
                    Last::Fallen => self.snapshot = None,
                }
                read.map(Some)
            }),
            None => self.reading.ended(begun + SETTLED).await.map(|read| {
                let (identity, read) = read.map_err(|broken| broken.to_string())?;
                self.identity = Some(identity);
                let mut all = read.map_err(|error| told(&error, error.hint()))?;
                Ok(all.pop())
            }),
        };
        if let Some(read) = ended {
            if self.is_asked {
                controller.again();
            }
            self.take(read);
        }
    }

    /// Why it is not known what it holds now.
    fn trouble(&self) -> Option<String> {
        let read = self.reading.since().map(|since| still("read", since));
        let fetched = self.repository.as_ref().and_then(Repository::since);
        let slow = read.or_else(|| fetched.map(|since| still("fetched", since)));
        slow.or_else(|| self.error.clone())
    }

    /// What it held before stays if it could not be read.
    fn take(&mut self, read: Result<Option<Snapshot>, String>) {
        match read {
            Ok(snapshot) => {
                self.read_at.succeeded();
                // It may lead elsewhere since it was looked where.
                let source = snapshot.as_ref().map(|snapshot| snapshot.source.clone());
                self.identity = source.or(self.identity.take());
                (self.snapshot, self.error) = (snapshot, None);
            }
            Err(error) => self.error = Some(error),
        }
        if self.repository.is_some() {
            let mut fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
            fetched.clone_from(&self.snapshot);
        }
    }
}

/// What its configuration may say, in seconds. A remote that is asked without a pause would take all
/// of this host's time and much of its own; a directory has none without it.
fn intervals(kind: &SourceKind) -> RangeInclusive<u64> {
    match kind {
        SourceKind::Directory(_) => 0..=LONGEST_INTERVAL,
        SourceKind::Git(_) => 1..=LONGEST_INTERVAL,
    }
}

/// What is read of a directory, and how; `None` of a repository.
fn paths(config: &SourceConfig, options: &ReadOptions) -> Option<Paths> {
    let SourceKind::Directory(directory) = &config.kind else { return None };
    let options = ReadOptions { recursive: directory.recursive, ..options.clone() };
    Some(Paths::new(vec![Input::Path(directory.path.clone())], options))
}

/// Looks ahead at what directories hold, beside what repositories last held.
fn foresight(sources: &[Source], policies: &Arc<Policies>, cache: &Arc<LoadCache>) -> Foresight {
    let parts = sources.iter().map(|source| (source.paths.clone(), Arc::clone(&source.fetched)));
    let parts: Vec<_> = parts.collect();
    let prunes: Vec<_> = sources.iter().map(|source| source.config.prune).collect();
    let glance = move || {
        let one = |(paths, fetched): &(Option<Paths>, Arc<Mutex<Option<Snapshot>>>)| match paths {
            Some(paths) => paths.glance()?.pop(),
            None => fetched.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        };
        parts.iter().map(one).collect()
    };
    // One snapshot for each source.
    let finish = move |snapshots: &[Snapshot], loaded: &mut Loaded| {
        let pruned = snapshots.iter().zip(&prunes).filter(|(_, prunes)| **prunes);
        spare(loaded, &pruned.map(|(snapshot, _)| snapshot.source.clone()).collect());
    };
    Foresight::new(glance, Arc::clone(policies), Arc::clone(cache)).finishing(finish)
}

/// Only what was in sources that let things be deleted is deleted when it is gone.
fn spare(loaded: &mut Loaded, pruned: &BTreeSet<String>) {
    if !is_on(Mutant::PrunesEverySource) {
        loaded.desired.sources.retain(|source| pruned.contains(source));
    }
}

/// Which source is under which policy, as far as that is known.
fn policies(sources: &[Source]) -> Policies {
    let named = |source: &Source| Some((source.identity.clone()?, source.policy.clone()?));
    let named = sources.iter().filter_map(named);
    named.fold(Policies::default(), |all, (identity, policy)| all.with(identity, policy))
}

/// The identity that the snapshots of a source have. Blocks: for ever, if the file system does.
fn identity(config: &SourceConfig) -> String {
    match &config.kind {
        SourceKind::Git(_) => format!("git:{}", config.name),
        SourceKind::Directory(directory) => {
            let path = directory.path.canonicalize().unwrap_or_else(|_| directory.path.clone());
            path.to_string_lossy().into_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use limekiln_api::HostFacts;
    use limekiln_sources::SourceFile;
    use limekiln_sources::templates::{TemplateSettings, TemplateStore};
    use tokio::sync::watch;

    use super::*;
    use crate::controller::handle::Mailbox;
    use crate::{ControllerState, Requests};

    #[test]
    fn what_was_acted_on_since_it_was_made_counts_when_it_begins() {
        let dir = tempfile::tempdir().expect("dir");
        let home = Home::new(dir.path());
        home.prepare().expect("writable");
        let facts = HostFacts { lima_home: dir.path().to_owned(), ..HostFacts::example() };
        let store = Arc::new(TemplateStore::new(TemplateSettings::new(&facts)));
        let mut next = Configured::new(Vec::new(), &home, store).expect("made");
        let commit = "a1".repeat(20);
        let mut before = Trusted::read(&home).expect("readable");
        before.note("team", &commit).expect("written");
        next.begin(&home).expect("readable");
        assert_eq!(next.trusted.commit("team"), Some(&*commit));
    }

    /// Nor is it in vain where it comes after that.
    #[tokio::test]
    async fn a_key_that_is_withdrawn_ends_no_rollback() {
        let dir = tempfile::tempdir().expect("dir");
        let facts = HostFacts { lima_home: dir.path().to_owned(), ..HostFacts::example() };
        let home = Home::new(dir.path());
        home.prepare().expect("writable");
        let store = Arc::new(TemplateStore::new(TemplateSettings::new(&facts)));
        let engine = Arc::new(limekiln_engine_sim::SimEngine::new(1));
        let reconciler = Arc::new(Reconciler::new(engine, home.clone(), facts));
        for size in ["1", "2"] {
            reconciler.history().note(&disk(size), None).expect("written");
        }
        let roll_back = || {
            let all = reconciler.history().read().expect("readable");
            Requests::roll_back(&home, &all, &all[0], None).expect("written");
        };
        for withdrawn_first in [false, true] {
            Requests::change(&home, |requests| *requests = Requests::default()).expect("written");
            let url = dir.path().join("vms.git").display().to_string();
            let mut team = Configured::new(vec![repository(url)], &home, store.clone());
            let team = team.as_mut().expect("made");
            let state = watch::channel(ControllerState::default()).1;
            let controller = Handle { mailbox: Mailbox::default(), state };
            let mut now = Vec::new();
            let mut load = async |team: &mut Configured| {
                let taken = team.load(&reconciler, &controller).await.expect("loaded");
                if let Some(loaded) = taken.loaded {
                    now =
                        loaded.desired.disks.values().map(|disk| disk.spec.size.bytes()).collect();
                }
                now.clone()
            };
            team.sources[0].snapshot = Some(disk("2"));
            assert_eq!(load(team).await, [2 << 30]);
            if !withdrawn_first {
                roll_back();
                assert_eq!(load(team).await, [1 << 30]);
            }
            (team.sources[0].snapshot, team.sources[0].is_fallen) = (None, true);
            if withdrawn_first {
                assert_eq!(load(team).await, [0; 0], "it is left alone");
                roll_back();
            }
            assert_eq!(load(team).await, [1 << 30], "{withdrawn_first}");
        }
    }

    fn repository(url: String) -> SourceConfig {
        let main = limekiln_sources::git::GitReference::Branch("main".to_owned());
        let kind = SourceKind::Git(limekiln_sources::git::GitConfig::new(url, main));
        SourceConfig { name: "team".to_owned(), kind, interval: None, prune: false, policy: None }
    }

    /// A revision with a disk of so many GiB.
    fn disk(size: &str) -> Snapshot {
        let text = format!(
            "apiVersion: lima-vm.io/v1alpha1\nkind: Disk\nmetadata: {{name: data}}\nspec: {{size: {size}GiB}}\n"
        );
        let (path, bytes) = ("data.yaml".into(), text.into_bytes());
        let file = SourceFile { path, origin: "data.yaml".into(), bytes };
        let (source, revision) = ("git:team".to_owned(), size.to_owned());
        Snapshot { source, revision, files: vec![file.into()], skipped: Vec::new() }
    }

    #[test]
    fn nobody_is_asked_without_a_pause_or_never() {
        let dir = tempfile::tempdir().expect("dir");
        let facts = HostFacts { lima_home: dir.path().to_owned(), ..HostFacts::example() };
        let home = Home::new(&facts.lima_home);
        let url = dir.path().join("vms.git").display().to_string();
        let git = repository(url).kind;
        let path = dir.path().join("vms");
        let directory =
            SourceKind::Directory(limekiln_sources::DirectoryConfig { path, recursive: false });
        let made = |kind: &SourceKind, interval| {
            let (name, interval, kind) = ("team".to_owned(), Some(interval), kind.clone());
            let config = SourceConfig { name, kind, interval, prune: false, policy: None };
            let store = Arc::new(TemplateStore::new(TemplateSettings::new(&facts)));
            Configured::new(vec![config], &home, store)
        };
        for sound in [1, 60, 604_800] {
            made(&git, sound).expect("sound");
            made(&directory, sound).expect("sound");
        }
        made(&directory, 0).expect("it is what a directory has without it");
        let wrong = [(&git, 0, 1), (&git, 604_801, 1), (&directory, 604_801, 0)];
        for (kind, wrong, least) in wrong.into_iter().chain([(&directory, u64::MAX, 0)]) {
            let error = made(kind, wrong).err().expect("refused").to_string();
            let may_be = format!("and may be {least} s to 604800 s");
            assert_eq!(error, format!("source team: `interval` is {wrong} s, {may_be}"));
        }
    }

    #[test]
    fn a_source_is_unread_until_it_was_read_or_said_why_not() {
        let dir = tempfile::tempdir().expect("dir");
        let facts = HostFacts { lima_home: dir.path().to_owned(), ..HostFacts::example() };
        let home = Home::new(&facts.lima_home);
        let store = Arc::new(TemplateStore::new(TemplateSettings::new(&facts)));
        let config = |name: &str, path: &str| SourceConfig {
            name: name.to_owned(),
            kind: SourceKind::Directory(limekiln_sources::DirectoryConfig {
                path: dir.path().join(path),
                recursive: false,
            }),
            interval: None,
            prune: false,
            policy: None,
        };
        let sources = vec![config("here", "m"), config("gone", "n")];
        let mut configured = Configured::new(sources, &home, store).expect("made");
        assert_eq!(configured.unread(true), ["here", "gone"]);
        configured.sources[0].take(Ok(None));
        assert_eq!(configured.unread(true), ["here", "gone"], "nothing is known of it yet");
        configured.sources[1].take(Err("it is gone".to_owned()));
        assert_eq!(configured.unread(true), ["here"]);
    }
}
