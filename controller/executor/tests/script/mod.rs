//! An engine that does nothing but take time, count and fail as it is told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use limekiln_engine::{ActionContext, Engine, EngineError};
use limekiln_executor::{Executor, Limits, RunResult};
use limekiln_model::{
    Action, Capabilities, Event, Name, ObjectId, Observed, Plan, Step, StepId, StopMode,
};
use tokio_util::sync::CancellationToken;

type Failure = Box<dyn Fn() -> EngineError + Send + Sync>;

/// How an action that does not end takes it when it is told to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Hang {
    Ends,
    DoesNot,
}

#[derive(Default)]
struct State {
    log: Vec<String>,
    now: usize,
    most: usize,
    failures: BTreeMap<String, (usize, Failure)>,
    hangs: BTreeMap<String, Hang>,
}

#[derive(Clone, Default)]
pub struct Script {
    state: Arc<Mutex<State>>,
    events: Arc<Mutex<Vec<Event>>>,
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

pub fn light(instance: &str) -> Action {
    Action::StopInstance { instance: name(instance), mode: StopMode::Graceful }
}

pub fn start(instance: &str) -> Action {
    Action::StartDriver { instance: name(instance) }
}

pub fn await_ready(instance: &str) -> Action {
    Action::AwaitReady { instance: name(instance) }
}

pub fn plan(steps: &[(Action, &[usize])]) -> Plan {
    let step = |(action, after): &(Action, &[usize])| Step {
        action: action.clone(),
        after: after.iter().copied().map(StepId).collect(),
        cost: None,
        why: None,
    };
    Plan {
        basis: Arc::default(),
        steps: steps.iter().map(step).collect(),
        changes: BTreeMap::new(),
    }
}

impl Script {
    /// How long each action takes.
    pub const WORK: Duration = Duration::from_secs(10);

    pub fn new() -> Self {
        Self::default()
    }

    /// The first `times` actions on the instance fail.
    pub fn fail(
        self,
        instance: &str,
        times: usize,
        error: impl Fn() -> EngineError + Send + Sync + 'static,
    ) -> Self {
        self.state
            .lock()
            .expect("no test panics while it holds this")
            .failures
            .insert(instance.to_owned(), (times, Box::new(error)));
        self
    }

    /// Actions on the instance do not end by themselves.
    pub fn hang(self, instance: &str, how: Hang) -> Self {
        let mut state = self.state.lock().expect("no test panics while it holds this");
        state.hangs.insert(instance.to_owned(), how);
        drop(state);
        self
    }

    pub async fn run(&self, plan: &Plan, limits: Limits) -> RunResult {
        self.run_until(plan, limits, &CancellationToken::new()).await
    }

    pub async fn run_until(
        &self,
        plan: &Plan,
        limits: Limits,
        cancel: &CancellationToken,
    ) -> RunResult {
        let events = Arc::clone(&self.events);
        let sink = Arc::new(move |event| {
            events.lock().expect("no test panics while it holds this").push(event);
        });
        Executor::new(Arc::new(self.clone()), limits).run(plan, cancel, sink).await
    }

    pub fn log(&self) -> Vec<String> {
        self.state.lock().expect("no test panics while it holds this").log.clone()
    }

    pub fn most_at_once(&self) -> usize {
        self.state.lock().expect("no test panics while it holds this").most
    }

    pub fn events(&self) -> Vec<Event> {
        self.events.lock().expect("no test panics while it holds this").clone()
    }
}

fn word(action: &Action) -> String {
    let ObjectId { name, .. } = action.object();
    match action {
        Action::StartDriver { .. } => format!("start {name}"),
        Action::AwaitReady { .. } => format!("wait {name}"),
        _ => name.to_string(),
    }
}

#[async_trait]
impl Engine for Script {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    fn unsupported_fields(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    async fn observe(&self) -> Result<Observed, EngineError> {
        Ok(Observed::default())
    }

    async fn perform(&self, action: &Action, context: &ActionContext) -> Result<(), EngineError> {
        let word = word(action);
        let hangs = {
            let mut state = self.state.lock().expect("no test panics while it holds this");
            state.log.push(format!("+{word}"));
            state.now += 1;
            state.most = state.most.max(state.now);
            state.hangs.get(action.object().name.as_str()).copied()
        };
        match hangs {
            Some(Hang::Ends) => {
                context.cancel.cancelled().await;
                return Err(EngineError::cancelled());
            }
            Some(Hang::DoesNot) => std::future::pending().await,
            None => {}
        }
        tokio::time::sleep(Self::WORK).await;
        let mut state = self.state.lock().expect("no test panics while it holds this");
        state.log.push(format!("-{word}"));
        state.now -= 1;
        match state.failures.get_mut(action.object().name.as_str()) {
            Some((times, error)) if *times > 0 => {
                *times -= 1;
                Err(error())
            }
            _ => Ok(()),
        }
    }
}
