//! The machine: a directory of manifests, a home, an engine.

use std::env::temp_dir;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use limekiln_api::{HostFacts, fill, read_lima};
use limekiln_engine_sim::{SimEngine, World};
use limekiln_model::{Name, Observed};
use limekiln_reconciler::policy::{HostPolicy, PolicyRules};
use limekiln_reconciler::{Clock, Home, faults};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::Instant;

use super::engine::Shared;
use super::repository::Repository;
use super::{Incident, State, life};
use crate::oracle::Watch;
use crate::story::{Catalogue, Fault, Source, Story, Trigger};

/// What was written so long ago has rested.
const RESTED: Duration = Duration::from_secs(7_200);

/// Files are kept in memory where that is possible: each schedule writes hundreds of times.
const MEMORY: &str = "/dev/shm";

/// A machine on which stories are played.
pub struct Machine {
    /// Removed at the end.
    dir: PathBuf,
    pub(super) shared: Shared,
}

impl Machine {
    /// A machine on which only the strangers of the story exist, and what happens on it.
    ///
    /// # Errors
    /// If its directory cannot be made.
    pub fn new(story: &Story) -> io::Result<(Self, UnboundedReceiver<Incident>)> {
        let memory = Path::new(MEMORY).to_owned();
        let place = Some(memory).filter(|memory| memory.is_dir()).unwrap_or_else(temp_dir);
        // Twice the same for a story: addresses of network cards depend on where instances are.
        let dir = place.join(format!("limekiln-simulation-{}-{}", process::id(), story.seed));
        for (number, source) in story.sources.iter().enumerate() {
            let place = dir.join(place_of(number));
            fs::create_dir_all(&place)?;
            if source.git {
                Repository::at(&place).init()?;
            }
        }
        let world = strangers(&story.strangers, &dir.join("lima"));
        let sim = SimEngine::new(story.seed).with_world(world);
        let (send, incidents) = unbounded_channel();
        let watch = Watch::new(story, Instant::now());
        let state = Arc::new(Mutex::new(State::new(watch, send)));
        let (sim, thaw) = (Arc::new(sim), Arc::new(Notify::new()));
        let shared = Shared { sim, state, thaw, seed: story.seed, wrong: Arc::default() };
        let machine = Self { dir, shared };
        machine.write_policies(&story.sources)?;
        machine.mind_writes();
        Ok((machine, incidents))
    }

    /// Each source may do everything, but for how much it may delete.
    fn write_policies(&self, sources: &[Source]) -> io::Result<()> {
        for (number, source) in sources.iter().enumerate() {
            if source.has_policy() {
                let open = HostPolicy::open().rules().clone();
                let rules = PolicyRules { prune_budget: source.budget, ..open };
                fs::write(self.policy(number), serde_json::to_vec(&rules)?)?;
            }
        }
        Ok(())
    }

    /// What is shared with the engine.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }

    /// What exists.
    pub fn look(&self) -> Observed {
        self.shared.look()
    }

    /// Where the manifests of a source are.
    pub fn manifests(&self, source: usize) -> PathBuf {
        self.dir.join(place_of(source))
    }

    /// The file that says what a source may do.
    pub(super) fn policy(&self, source: usize) -> PathBuf {
        self.dir.join(format!("policy-{source}.json"))
    }

    /// What the machine is, as everybody sees it.
    pub fn facts(&self) -> HostFacts {
        life::facts(self.lima_home())
    }

    /// Everything that exists, for whoever looks by himself.
    pub fn sim(&self) -> Arc<SimEngine> {
        Arc::clone(&self.shared.sim)
    }

    /// `$LIMA_HOME`.
    pub fn lima_home(&self) -> PathBuf {
        self.dir.join("lima")
    }

    /// Our own directory.
    pub fn home(&self) -> Home {
        Home::new(&self.lima_home())
    }

    /// Changes the world as somebody with other tools does.
    pub fn outside<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        self.shared.sim.outside(change)
    }

    /// What would come of a change, which is not made.
    pub fn try_out<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut world = World::default();
        world.observed = self.look();
        change(&mut world)
    }

    /// Sets the clock: so many years ahead or back.
    pub fn set_clock(&self, years: i64) {
        self.shared.wrong.fetch_add(years * 365 * 24 * 3_600, Ordering::Relaxed);
    }

    /// The clock of the machine.
    pub(super) fn clock(&self) -> Clock {
        let (begun, wrong) = (self.lock().watch.begun, Arc::clone(&self.shared.wrong));
        Clock::new(move || {
            let elapsed = i64::try_from(begun.elapsed().as_secs()).unwrap_or_default();
            let now = 1_700_000_000 + elapsed + wrong.load(Ordering::Relaxed);
            Timestamp::from_second(now).unwrap_or_default()
        })
    }

    /// Thaws whatever is frozen.
    pub fn thaw(&self) {
        self.lock().thaw();
        self.shared.thaw.notify_waiters();
    }

    /// Puts the manifests of a source in place, as if all had been done long ago.
    ///
    /// # Errors
    /// If files cannot be written.
    pub fn publish(&self, source: usize, catalogue: &Catalogue) -> io::Result<()> {
        self.show(source)?;
        if let Some(repository) = self.repository(source) {
            return repository.push(&texts(catalogue, source));
        }
        for entry in fs::read_dir(self.manifests(source))? {
            let entry = entry?;
            let file = Source::file(source, &entry.file_name().to_string_lossy());
            if !catalogue.files.contains_key(&file) {
                fs::remove_file(entry.path())?;
            }
        }
        for file in catalogue.files.keys().filter(|file| Source::of(file) == source) {
            self.put(file, &catalogue.text(file), RESTED)?;
        }
        File::open(self.manifests(source))?.set_modified(SystemTime::now() - RESTED)
    }

    /// Writes the files that differ, the first so many bytes of each and just now.
    ///
    /// # Errors
    /// If files cannot be written.
    pub fn publish_half(&self, catalogue: &Catalogue, cut: usize) -> io::Result<()> {
        for file in catalogue.files.keys() {
            let text = catalogue.text(file);
            let path = self.path(file);
            let same = fs::read_to_string(&path).is_ok_and(|now| now == text);
            if !same && self.manifests(Source::of(file)).is_dir() {
                let half = &text[..text.len() * (1 + cut % 7) / 8];
                self.put(file, half, Duration::ZERO)?;
            }
        }
        Ok(())
    }

    /// The repository of a source, if it is one.
    pub(super) fn repository(&self, source: usize) -> Option<Repository> {
        let place = self.manifests(source);
        self.lock().watch.sources[source].git.then(|| Repository::at(&place))
    }

    /// Puts manifests in the place of the last commit of the first source.
    ///
    /// # Errors
    /// If git cannot.
    pub fn force_push(&self, catalogue: &Catalogue) -> io::Result<()> {
        let repository = self.repository(0);
        repository.map_or(Ok(()), |repository| repository.force_push(&texts(catalogue, 0)))
    }

    /// The commit that the first source leads to.
    pub fn tip(&self) -> Option<String> {
        self.repository(0)?.tip()
    }

    fn path(&self, file: &str) -> PathBuf {
        self.manifests(Source::of(file)).join(Source::local(file))
    }

    fn put(&self, file: &str, text: &str, age: Duration) -> io::Result<()> {
        let path = self.path(file);
        fs::write(&path, text)?;
        let file = File::options().write(true).open(&path)?;
        file.set_modified(SystemTime::now() - age)
    }

    /// Brings the directory of a source back.
    ///
    /// # Errors
    /// If it cannot be renamed.
    pub fn show(&self, source: usize) -> io::Result<()> {
        rename(&self.hidden(source), &self.manifests(source))
    }

    /// Moves it away.
    ///
    /// # Errors
    /// If it cannot be renamed.
    pub fn hide(&self, source: usize) -> io::Result<()> {
        rename(&self.manifests(source), &self.hidden(source))
    }

    fn hidden(&self, source: usize) -> PathBuf {
        self.dir.join(format!("hidden-{source}"))
    }

    /// Writes of our own files end as the story says.
    fn mind_writes(&self) {
        let (shared, home) = (self.shared.clone(), self.home().dir().to_owned());
        faults::set(Some(Box::new(move |path| {
            // What people ask for is written by other processes.
            if !path.starts_with(&home) || path.ends_with("requests.json") {
                return Ok(());
            }
            let mut state = shared.lock();
            if state.alive.is_empty() {
                return Err(io::Error::other("the process is dead"));
            }
            if state.full_until.is_some_and(|until| until > Instant::now()) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            match state.due(Trigger::Write).map(|armed| armed.fault) {
                Some(Fault::DieWriting) => {
                    state.die_writing();
                    Err(io::ErrorKind::BrokenPipe.into())
                }
                Some(Fault::DiskFull) => {
                    state.full_until = Some(Instant::now() + Duration::from_secs(3_600));
                    Err(io::ErrorKind::StorageFull.into())
                }
                _ => Ok(()),
            }
        })));
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        faults::set(None);
        // What stays is small, and in the way of nothing.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// The files of a source, by their names in it.
fn texts(catalogue: &Catalogue, source: usize) -> Vec<(&str, String)> {
    let files = catalogue.files.keys().filter(|file| Source::of(file) == source);
    files.map(|file| (Source::local(file), catalogue.text(file))).collect()
}

fn place_of(source: usize) -> &'static str {
    ["manifests", "second"][source]
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn strangers(strangers: &Catalogue, lima_home: &Path) -> World {
    let mut world = World::default();
    for machine in strangers.machines() {
        let name = Name::new(machine.name).expect("a name");
        let template = read_lima(&machine.template()).expect("a template");
        let filled = fill(&template, &name, &life::facts(lima_home.to_owned()));
        world.put_stopped(&name, Arc::new(filled));
    }
    world
}
