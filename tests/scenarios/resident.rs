//! A controller that runs, as `limekiln run` has it: its sources, the loop, and nobody who tells
//! it what changed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use limekiln_model::Policy;
use limekiln_reconciler::{
    Controller, ControllerOptions, ControllerState, Handle, Intake, ReconcileError, Reconciler,
};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::shown;
use crate::stage::teller;

/// Every periodic look comes several times within this, also that at a repository.
const A_WHILE: Duration = Duration::from_secs(150);
/// Nothing takes longer.
const LONGEST: Duration = Duration::from_secs(3_600);

/// A controller in a task of its own. It only moves on while something is waited for.
pub struct Resident {
    handle: Handle,
    stop: CancellationToken,
    task: JoinHandle<Result<(), ReconcileError>>,
    told: Arc<Mutex<String>>,
}

impl Resident {
    /// Starts one.
    pub fn start(
        reconciler: Reconciler,
        intake: Box<dyn Intake>,
        policy: Policy,
        told: Arc<Mutex<String>>,
    ) -> Self {
        let options = ControllerOptions { policy, seed: 1, ..ControllerOptions::default() };
        let on_event = teller(&told);
        let controller = Controller::new(Arc::new(reconciler), intake, options, on_event);
        let (handle, stop) = (controller.handle(), CancellationToken::new());
        let task = tokio::spawn(controller.run(stop.clone()));
        Self { handle, stop, task, told }
    }

    /// Lets a while pass, and waits until nothing is left to do: what was done, what waits, and
    /// which sources cannot be read.
    pub async fn settle(&self) -> String {
        sleep(A_WHILE).await;
        let mut state = self.handle.state();
        let rests = |state: &ControllerState| {
            let planned = state.planned.as_ref();
            state.busy.is_empty() && planned.is_none_or(|planned| planned.plan.is_empty())
        };
        let end = match timeout(LONGEST, state.wait_for(rests)).await {
            Ok(Ok(state)) => shown::state(&state),
            Ok(Err(_)) => "the controller has ended\n".to_owned(),
            Err(_) => "still at work\n".to_owned(),
        };
        std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner)) + &end
    }

    /// Ends it.
    pub async fn end(self) -> String {
        self.stop.cancel();
        match self.task.await.expect("no panic") {
            Ok(()) => "stopped\n".to_owned(),
            Err(error) => shown::error(&error),
        }
    }
}
