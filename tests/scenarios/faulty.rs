//! The simulated engine with faults at named actions.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use limekiln_engine::{ActionContext, Engine, EngineError};
use limekiln_engine_sim::{Fault, FaultKind, SimEngine};
use limekiln_model::{Action, Capabilities, Observed};
use tokio_util::sync::CancellationToken;

/// A fault that waits for its action.
pub struct Trap {
    /// `start instance/web`
    pub action: String,
    /// What goes wrong then.
    pub kind: FaultKind,
    /// How many times it does.
    pub times: usize,
}

/// Delegates to the simulated engine, and puts faults where traps say.
pub struct FaultyEngine {
    sim: Arc<SimEngine>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    traps: Vec<Trap>,
    /// Ends the run that goes on.
    run: CancellationToken,
    died: bool,
}

impl FaultyEngine {
    pub fn new(sim: Arc<SimEngine>) -> Self {
        Self { sim, state: Mutex::default() }
    }

    pub fn set(&self, trap: Trap) {
        self.lock().traps.push(trap);
    }

    /// From now on a crash ends this run.
    pub fn begin(&self, run: CancellationToken) {
        let mut state = self.lock();
        state.run = run;
        state.died = false;
    }

    /// Whether a crash has ended the run.
    pub fn died(&self) -> bool {
        self.lock().died
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spring(&self, action: &Action) {
        let name = format!("{} {}", action.verb(), action.object());
        let mut state = self.lock();
        let Some(trap) = state.traps.iter_mut().find(|trap| trap.action == name && trap.times > 0)
        else {
            return;
        };
        trap.times -= 1;
        let kind = trap.kind;
        if FaultKind::CRASHES.contains(&kind) {
            state.died = true;
            state.run.cancel();
        }
        self.sim.inject(Fault { at: self.sim.performed(), kind });
    }
}

#[async_trait]
impl Engine for FaultyEngine {
    fn capabilities(&self) -> Capabilities {
        self.sim.capabilities()
    }

    fn unsupported_fields(&self) -> &'static [(&'static str, &'static str)] {
        self.sim.unsupported_fields()
    }

    async fn observe(&self) -> Result<Observed, EngineError> {
        self.sim.observe().await
    }

    async fn perform(&self, action: &Action, context: &ActionContext) -> Result<(), EngineError> {
        if context.cancel.is_cancelled() {
            return Err(EngineError::cancelled());
        }
        self.spring(action);
        self.sim.act(action)
    }
}
