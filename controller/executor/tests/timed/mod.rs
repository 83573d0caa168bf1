//! Random graphs of jobs that take a known time, and how long the executor takes for them.
//!
//! Shared by the test and by the example that `cargo xtask bench makespan` runs. Time is virtual:
//! the clock is paused, and what is measured is the schedule, not the machine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use limekiln_engine::{ActionContext, Engine, EngineError};
use limekiln_executor::{Executor, Limits};
use limekiln_model::{Action, Capabilities, Name, Observed, Plan, Step, StepId, StopMode, Work};
use tokio_util::sync::CancellationToken;

/// A plan, and how long each of its steps takes.
pub struct Graph {
    plan: Plan,
    limits: Limits,
    times: Times,
}

/// A small generator (splitmix64): equal seeds give equal graphs.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

impl Graph {
    /// Of 100 to 300 jobs of one kind with up to three others before each, under limits of 2 to 8.
    /// Most take seconds, some a minute, and nothing tells which.
    pub fn jobs(seed: u64) -> Self {
        let mut random = Random(seed);
        let limits = Limits { light: 2 + random.below(7), ..Limits::default() };
        let mut graph = Self { plan: Plan::default(), limits, times: BTreeMap::new() };
        let reach = 5 + random.below(100);
        for number in 0..100 + random.below(200) {
            let instance = Name::new(format!("job{number}")).expect("a name");
            let longest = if random.below(10) == 0 { 60_000 } else { 5_000 };
            let edges = random.below(4).min(number);
            let before = |random: &mut Random| number - 1 - random.below(number.min(reach));
            let after = (0..edges).map(|_| before(&mut random)).collect();
            let stop = Action::StopInstance { instance, mode: StopMode::Graceful };
            graph.push(stop, after, 100 + random.below(longest));
        }
        graph
    }

    /// Of 20 to 80 instances that are made and started, each with up to two others that have to
    /// be ready first. An action takes from half to one and a half of its usual time.
    pub fn instances(seed: u64) -> Self {
        let mut random = Random(seed);
        let limits = Limits { boots: 2 + random.below(7), ..Limits::default() };
        let mut graph = Self { plan: Plan::default(), limits, times: BTreeMap::new() };
        let mut ready: Vec<usize> = Vec::new();
        for number in 0..20 + random.below(60) {
            let instance = Name::new(format!("vm{number}")).expect("a name");
            let (filled, template) = (Arc::default(), Arc::default());
            let mut about = |usual: usize| usual / 2 + random.below(usual);
            let times = [about(20_000), about(2_000), about(500), about(10_000), about(200)];
            let edges = random.below(3).min(ready.len());
            let mut after: Vec<_> = (0..edges).map(|_| ready[random.below(ready.len())]).collect();
            let fetch = Action::FetchImage { instance: instance.clone(), filled };
            let fetched = graph.push(fetch, Vec::new(), times[0]);
            let filled = Arc::default();
            let create = Action::CreateInstance { instance: instance.clone(), template, filled };
            after.push(graph.push(create, vec![fetched], times[1]));
            let start = Action::StartDriver { instance: instance.clone() };
            let started = graph.push(start, after, times[2]);
            let wait = Action::AwaitReady { instance: instance.clone() };
            ready.push(graph.push(wait, vec![started], times[3]));
            graph.push(Action::Forward { instance }, vec![ready[ready.len() - 1]], times[4]);
        }
        graph
    }

    fn push(&mut self, action: Action, mut after: Vec<usize>, millis: usize) -> usize {
        after.sort_unstable();
        after.dedup();
        self.times.insert(key(&action), Duration::from_millis(millis as u64));
        let after = after.into_iter().map(StepId).collect();
        self.plan.steps.push(Step { action, after, cost: None, why: None });
        self.plan.steps.len() - 1
    }

    fn time(&self, step: &Step) -> Duration {
        self.times[&key(&step.action)]
    }

    /// What no schedule can beat: the longest chain, and the work of each kind spread over all of
    /// its slots.
    pub fn bound(&self) -> Duration {
        let mut ends: Vec<Duration> = Vec::new();
        let mut work: BTreeMap<Work, Duration> = BTreeMap::new();
        for step in &self.plan.steps {
            let begin = step.after.iter().map(|before| ends[before.0]).max().unwrap_or_default();
            ends.push(begin + self.time(step));
            *work.entry(step.action.work()).or_default() += self.time(step);
        }
        let spread = work.into_iter().map(|(kind, work)| work / self.slots(kind));
        ends.into_iter().chain(spread).max().unwrap_or_default()
    }

    fn slots(&self, kind: Work) -> u32 {
        let Limits { downloads, boots, light, .. } = self.limits;
        let slots = match kind {
            Work::Download => downloads,
            Work::Boot => boots,
            Work::Light => light,
        };
        u32::try_from(slots).expect("few")
    }

    /// How long the executor takes. Needs a paused clock.
    pub async fn makespan(&self) -> Duration {
        let engine = Timed(self.times.clone());
        let executor = Executor::new(Arc::new(engine), self.limits.clone());
        let begun = tokio::time::Instant::now();
        let result = executor.run(&self.plan, &CancellationToken::new(), Arc::new(|_| {})).await;
        assert!(result.is_done());
        begun.elapsed()
    }

    /// How much longer than the bound.
    pub async fn ratio(&self) -> f64 {
        self.makespan().await.as_secs_f64() / self.bound().as_secs_f64()
    }
}

/// An engine that does nothing but take its time.
struct Timed(Times);

/// Each job by what it does and to whom.
type Times = BTreeMap<(&'static str, Name), Duration>;

fn key(action: &Action) -> (&'static str, Name) {
    (action.verb(), action.object().name)
}

#[async_trait]
impl Engine for Timed {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    fn unsupported_fields(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    async fn observe(&self) -> Result<Observed, EngineError> {
        Ok(Observed::default())
    }

    async fn perform(&self, action: &Action, _: &ActionContext) -> Result<(), EngineError> {
        tokio::time::sleep(self.0[&key(action)]).await;
        Ok(())
    }
}
