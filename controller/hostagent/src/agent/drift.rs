//! Files of steps that somebody changes in the guest.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::agent::Agent;
use super::steps;
use crate::spec::StepKind;

/// Between two looks. Each takes a session of SSH and a read of each file.
const EVERY: Duration = Duration::from_secs(10 * 60);

/// Looks for them until it is dropped.
pub(super) struct Drift(Option<JoinHandle<()>>);

impl Drop for Drift {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

impl Drift {
    /// Begins to look, where there are such steps. Others may come while the guest runs; running
    /// them looks, too.
    pub(super) fn watch(agent: &Agent) -> Self {
        let mut steps = agent.guest.steps.iter();
        if !steps.any(|step| matches!(step.kind, StepKind::Data { overwrite: true, .. })) {
            return Self(None);
        }
        let (session, shared) = (agent.session.clone(), Arc::clone(&agent.shared));
        Self(Some(tokio::spawn(async move {
            loop {
                steps::look_for_drift(&session, &shared).await;
                sleep(EVERY).await;
            }
        })))
    }
}
