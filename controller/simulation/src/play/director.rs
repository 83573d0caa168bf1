//! One story on one machine: what is done, what goes wrong, and who starts dead controllers again.

use std::collections::BTreeSet;
use std::time::Duration;

use limekiln_model::{InstancePhase, ObjectId, Policy};
use limekiln_reconciler::Ledger;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::client::{Counter, Served};
use super::turn;
use crate::host::{Incident, Life, Machine};
use crate::oracle::{self, End};
use crate::story::{Chapter, Fault, Ordered, Story, Trigger};

/// So many minutes are longer than anything goes wrong, and than the longest wait between tries.
const PATIENCE: usize = 48 * 60;
/// How long events are collected before the controller is woken, as a watch does.
const DEBOUNCE: Duration = Duration::from_millis(20);
/// So long a frozen process is frozen.
const FROZEN: Duration = Duration::from_secs(600);

/// How a story ended.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    /// Everything that is left.
    pub whole: End,
    /// What is left of the objects that the last manifests speak of.
    pub live: End,
    /// How often each virtual machine began to run.
    pub boots: std::collections::BTreeMap<ObjectId, u32>,
    /// How many actions were begun.
    pub actions: usize,
    /// How many actions were refused.
    pub refusals: Vec<String>,
    /// Which rules were broken.
    pub broken: Vec<String>,
    /// What went wrong.
    pub fired: Vec<Fault>,
    /// What was done, a line each.
    pub log: Vec<String>,
}

/// Plays a story in a runtime of its own.
///
/// # Errors
/// If the files of the machine cannot be used.
pub fn play(story: &Story) -> anyhow::Result<Ending> {
    let _turn = turn::take(story.has_git());
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    runtime.block_on(async {
        let (machine, incidents) = Machine::new(story)?;
        let mut director = Director::new(story, machine, incidents);
        director.play().await?;
        Ok(director.ending())
    })
}

pub(super) struct Director<'a> {
    pub(super) story: &'a Story,
    pub(super) machine: Machine,
    incidents: UnboundedReceiver<Incident>,
    pub(super) lives: Vec<Life>,
    born: u64,
    /// What lost its claim is taken over again.
    pub(super) adopt: bool,
    /// Who orders something, what, and whether it is to be refused.
    pub(super) client: Option<(Ordered, bool, JoinHandle<Served>)>,
    /// Where he finds the controller.
    pub(super) counter: Counter,
    /// The sources that cannot be seen.
    pub(super) hidden: BTreeSet<usize>,
    chapter_began: Instant,
    thaw: Option<Instant>,
}

impl<'a> Director<'a> {
    fn new(story: &'a Story, machine: Machine, incidents: UnboundedReceiver<Incident>) -> Self {
        Self {
            story,
            machine,
            incidents,
            lives: Vec::new(),
            born: 0,
            adopt: false,
            client: None,
            counter: Counter::default(),
            hidden: BTreeSet::new(),
            chapter_began: Instant::now(),
            thaw: None,
        }
    }

    async fn play(&mut self) -> anyhow::Result<()> {
        self.start()?;
        for chapter in &self.story.chapters {
            self.chapter(chapter).await?;
            if !self.machine.lock().watch.broken().is_empty() {
                return Ok(());
            }
        }
        self.close().await
    }

    async fn chapter(&mut self, chapter: &Chapter) -> anyhow::Result<()> {
        self.chapter_began = Instant::now();
        self.machine.lock().arm(&chapter.faults);
        self.machine.lock().note(&format!("a chapter begins, with {:?}", chapter.faults));
        let late = self.announce(&chapter.deed).await?;
        match chapter.hurry {
            Some(time) => self.go_on_for(time).await?,
            None => {
                self.until_quiet(late).await?;
                self.is_kept();
            }
        }
        Ok(())
    }

    /// Whether what is to run does so while its repository is away.
    fn is_kept(&self) {
        if self.hidden.is_empty() || !self.is_known() {
            return;
        }
        let observed = self.machine.look();
        let runs = |name: &str| {
            let phase = observed.instances.get(name).map(|instance| &instance.phase);
            phase.is_some_and(InstancePhase::is_running)
        };
        let catalogue = self.catalogue();
        let wanted = catalogue.machines().filter(|machine| machine.strategy == "Always");
        for machine in wanted.filter(|machine| !runs(machine.name)) {
            let what = format!("{} does not run while its repository is away", machine.name);
            self.machine.lock().watch.break_rule(what);
        }
    }

    /// The end: everything heals, and a controller that knows nothing looks once more.
    async fn close(&mut self) -> anyhow::Result<()> {
        self.machine.lock().heal();
        for source in std::mem::take(&mut self.hidden) {
            self.machine.show(source)?;
        }
        if !self.machine.lock().frozen.is_empty() {
            self.unfreeze();
        }
        self.until_quiet(Duration::ZERO).await?;
        sleep(Duration::from_secs(120)).await;
        for life in std::mem::take(&mut self.lives) {
            self.terminate(life, true).await;
        }
        self.start()?;
        self.until_quiet(Duration::ZERO).await?;
        for life in std::mem::take(&mut self.lives) {
            self.terminate(life, false).await;
        }
        Ok(())
    }

    fn ending(self) -> Ending {
        let ids = self.compared();
        let owned = self.owned();
        let catalogue = self.catalogue();
        let (whole, live) = (oracle::whole(&self.machine), oracle::of(&self.machine, &ids));
        let leaks = oracle::leaks(&self.machine, &catalogue, &owned);
        let behind = oracle::behind(&self.machine, &catalogue, &owned);
        let mut state = self.machine.lock();
        // What was broken off by a broken rule has left things as they were.
        if state.watch.broken().is_empty() {
            leaks.into_iter().for_each(|leak| state.watch.break_rule(format!("left over: {leak}")));
            behind.into_iter().for_each(|what| state.watch.break_rule(what));
        }
        Ending {
            whole,
            live,
            boots: state.watch.boots.clone(),
            actions: state.watch.actions,
            refusals: state.watch.refusals.clone(),
            broken: state.watch.broken().to_vec(),
            fired: state.fired.clone(),
            log: std::mem::take(&mut state.log),
        }
    }

    /// What the last manifests speak of, but for what is to be left alone.
    fn compared(&self) -> BTreeSet<ObjectId> {
        let catalogue = self.catalogue();
        let frozen = catalogue.frozen();
        let state = self.machine.lock();
        let watch = &state.watch;
        let ids = catalogue.ids().into_iter();
        ids.filter(|id| {
            !frozen.contains(id)
                && !watch.suspended.contains_key(id)
                && !watch.strangers.contains(id)
        })
        .collect()
    }

    pub(super) fn owned(&self) -> BTreeSet<ObjectId> {
        let claims = Ledger::new(&self.machine.home()).read();
        claims.map(|claims| claims.by_id.keys().cloned().collect()).unwrap_or_default()
    }

    fn start(&mut self) -> anyhow::Result<()> {
        self.born += 1;
        let sources = &self.story.sources;
        let prune = sources.iter().any(|source| source.prune);
        let policy = Policy { prune, adopt: self.adopt, ..Policy::default() };
        self.machine.lock().note(&format!("life {} begins", self.born));
        let life = Life::start(&self.machine, self.born, policy, sources)?;
        self.counter.set(Some(life.handle.clone()));
        self.lives.push(life);
        Ok(())
    }

    /// Tells a controller to end. One that was replaced has done so by itself, if it had the time.
    async fn terminate(&mut self, life: Life, patient: bool) {
        self.leave(&life);
        let (number, begun) = (life.number, Instant::now());
        let (frozen, replaced) = {
            let state = self.machine.lock();
            (state.frozen.contains(&number), state.replaced.contains(&number))
        };
        if frozen || replaced {
            if replaced && patient && !life.is_over() {
                self.machine.lock().watch.break_rule("a replaced controller goes on".to_owned());
            }
            return life.kill().await;
        }
        if let Ok(Err(error)) = timeout(Duration::from_secs(3), life.terminate()).await {
            self.machine.lock().watch.break_rule(format!("it did not end well: {error}"));
        }
        if begun.elapsed() > Duration::from_secs(2) {
            self.machine.lock().watch.break_rule("it took more than 2 s to end".to_owned());
        }
        self.machine.lock().alive.remove(&number);
    }

    /// Nobody finds it any more, if it is the one that was found.
    fn leave(&self, life: &Life) {
        if life.number == self.born {
            self.counter.set(None);
        }
    }

    pub(super) async fn kill(&mut self) {
        for life in std::mem::take(&mut self.lives) {
            self.machine.lock().alive.remove(&life.number);
            self.leave(&life);
            life.kill().await;
        }
    }

    pub(super) async fn restart(&mut self) -> anyhow::Result<()> {
        sleep(Duration::from_secs(2)).await;
        self.start()
    }

    pub(super) async fn end_and_start_again(&mut self) -> anyhow::Result<()> {
        self.end().await;
        self.restart().await
    }

    /// Tells all controllers to end.
    pub(super) async fn end(&mut self) {
        for life in std::mem::take(&mut self.lives) {
            self.terminate(life, false).await;
        }
    }

    /// Tells the controller that something may have changed.
    pub(super) fn wake(&self) {
        self.lives.iter().for_each(|life| life.handle.wake());
    }

    /// The same as a watch does it: at the first event that something comes, and a little later that
    /// it has come.
    pub(super) async fn announce_and_wake(&self) {
        self.lives.iter().for_each(|life| life.handle.soon());
        sleep(DEBOUNCE).await;
        self.wake();
    }

    fn passes(&self) -> u64 {
        self.lives.last().map_or(0, |life| life.handle.state().borrow().passes)
    }

    /// Lets time go by, and sees to what happens meanwhile.
    async fn go_on_for(&mut self, time: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.a_moment(end).await?;
        }
        Ok(())
    }

    /// Until nothing is left to do, and the controller has looked twice to say so.
    async fn until_quiet(&mut self, after: Duration) -> anyhow::Result<()> {
        self.go_on_for(after).await?;
        let mut before = (self.born, self.machine.lock().fired.len());
        let mut seen = self.passes();
        for _ in 0..PATIENCE {
            let soon = Instant::now() + Duration::from_secs(61);
            self.a_moment(soon).await?;
            if !self.machine.lock().watch.broken().is_empty() {
                return Ok(());
            }
            let now = (self.born, self.machine.lock().fired.len());
            let served = self.is_served().await?;
            if now != before || !served || self.machine.lock().is_disturbed() {
                (seen, before) = (self.passes(), now);
            } else if self.passes() >= seen + 2 && self.is_quiet() {
                return Ok(());
            }
        }
        let state = self.told();
        let mut shared = self.machine.lock();
        shared.watch.break_rule(format!("it does not come to an end: {state}"));
        Ok(())
    }

    fn is_quiet(&self) -> bool {
        let Some(life) = self.lives.last() else { return false };
        let state = life.handle.state();
        let state = state.borrow();
        let idle = state.busy.is_empty() && state.observe_error.is_none();
        let planned = state.planned.as_ref();
        // Who has never seen the manifests does nothing.
        let hidden = !self.hidden.is_empty();
        let done = planned.map_or(hidden, |planned| planned.plan.is_empty());
        // A directory that cannot be seen is told of, and is no empty one.
        idle && done && hidden != state.source_errors.is_empty()
    }

    fn told(&self) -> String {
        let Some(life) = self.lives.last() else { return "nobody is there".to_owned() };
        let state = life.handle.state();
        let state = state.borrow();
        let steps = state.planned.iter().flat_map(|planned| &planned.plan.steps);
        let steps: Vec<_> =
            steps.map(|step| format!("{} {}", step.action.verb(), step.action.object())).collect();
        format!(
            "busy {:?}, sources {:?}, look {:?}, tried {:?}, plan {steps:?}",
            state.busy, state.source_errors, state.observe_error, state.attempts
        )
    }

    /// Until something happens, at most until `until`.
    async fn a_moment(&mut self, until: Instant) -> anyhow::Result<()> {
        let due = self.next_by_time();
        let next = due.into_iter().chain(self.thaw).min().map_or(until, |next| next.min(until));
        let incident = tokio::select! {
            biased;
            incident = self.incidents.recv() => incident,
            () = tokio::time::sleep_until(next) => None,
        };
        match incident {
            Some(Incident::Died) => {
                self.bury().await;
                // One that died while it was told to end has a successor already.
                if !self.is_anybody_at_work() {
                    self.restart().await?;
                }
            }
            Some(Incident::Frozen) => self.thaw = Some(Instant::now() + FROZEN),
            Some(Incident::TakenForDead) => {
                self.thaw = Some(Instant::now() + FROZEN);
                let _ = std::fs::remove_file(self.machine.home().dir().join("lock"));
                self.start()?;
            }
            None => {}
        }
        if self.thaw.is_some_and(|thaw| thaw <= Instant::now()) {
            self.unfreeze();
        }
        self.by_time().await
    }

    fn is_anybody_at_work(&self) -> bool {
        let state = self.machine.lock();
        let works = |life: &Life| {
            let number = life.number;
            !life.is_over() && !state.frozen.contains(&number) && !state.replaced.contains(&number)
        };
        self.lives.iter().any(works)
    }

    /// Those that died are gone whole.
    async fn bury(&mut self) {
        let alive = self.machine.lock().alive.clone();
        let (living, dead): (Vec<_>, Vec<_>) = std::mem::take(&mut self.lives)
            .into_iter()
            .partition(|life| alive.contains(&life.number));
        self.lives = living;
        for life in dead {
            self.leave(&life);
            life.kill().await;
        }
    }

    fn unfreeze(&mut self) {
        self.thaw = None;
        self.machine.thaw();
    }

    fn next_by_time(&self) -> Option<Instant> {
        let state = self.machine.lock();
        let times = state.armed.iter().filter(|armed| armed.fault.trigger() == Trigger::Time);
        times.map(|armed| self.chapter_began + tenths(armed.after)).min()
    }

    /// What goes wrong by the clock.
    async fn by_time(&mut self) -> anyhow::Result<()> {
        let now = Instant::now();
        let due = {
            let mut state = self.machine.lock();
            let began = self.chapter_began;
            let due = state.armed.iter().position(|armed| {
                armed.fault.trigger() == Trigger::Time && began + tenths(armed.after) <= now
            });
            due.map(|at| state.armed.remove(at))
        };
        match due {
            Some(armed) => self.go_wrong(armed).await,
            None => Ok(()),
        }
    }
}

fn tenths(after: u32) -> Duration {
    Duration::from_millis(u64::from(after) * 100)
}
