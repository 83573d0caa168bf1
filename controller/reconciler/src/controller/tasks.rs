//! Parts of plans that run.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::Arc;

use limekiln_api::mutant::{Mutant, is_on};
use limekiln_executor::RunResult;
use limekiln_model::{Fingerprint, ObjectId, Plan, StepOutcome};
use tokio::sync::oneshot;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::run_log::Noting;

/// What the manifests want of each of some objects.
pub(super) type Wanted = Vec<(ObjectId, Option<Fingerprint>)>;

/// One part that runs.
pub(super) struct Task {
    pub(super) plan: Arc<Plan>,
    /// What the manifests wanted of its objects when it began.
    pub(super) wants: Wanted,
    /// What the history is told of it.
    pub(super) noting: Noting,
    cancel: CancellationToken,
    /// Who ordered it waits for its end.
    orderer: Option<oneshot::Sender<RunResult>>,
    ordered: bool,
}

impl Task {
    /// Whether somebody ordered it, and the controller did not want it by itself.
    pub(super) fn is_ordered(&self) -> bool {
        self.ordered
    }

    /// Tells who ordered it, if he is still there.
    fn tell(mut self, result: &RunResult) -> Self {
        if let Some(orderer) = self.orderer.take() {
            let _ = orderer.send(result.clone());
        }
        self
    }
}

/// All that run. No two of them share an object.
#[derive(Default)]
pub(super) struct Tasks {
    set: JoinSet<RunResult>,
    numbers: HashMap<Id, u64>,
    tasks: BTreeMap<u64, Task>,
    busy: BTreeMap<ObjectId, u64>,
    begun: u64,
}

impl Tasks {
    pub(super) fn is_busy(&self, id: &ObjectId) -> bool {
        self.busy.contains_key(id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// What is worked on.
    pub(super) fn objects(&self) -> impl Iterator<Item = &ObjectId> {
        self.busy.keys()
    }

    /// Begins a part.
    pub(super) fn begin<F>(
        &mut self,
        plan: Plan,
        wants: Wanted,
        noting: Noting,
        run: impl FnOnce(Arc<Plan>, CancellationToken) -> F,
    ) where
        F: Future<Output = RunResult> + Send + 'static,
    {
        self.spawn(plan, wants, noting, CancellationToken::new(), None, run);
    }

    /// Begins a plan that somebody ordered, who is told how it ended, and who may cancel it.
    pub(super) fn begin_order<F>(
        &mut self,
        plan: Plan,
        wants: Wanted,
        cancel: CancellationToken,
        orderer: oneshot::Sender<RunResult>,
        run: impl FnOnce(Arc<Plan>, CancellationToken) -> F,
    ) where
        F: Future<Output = RunResult> + Send + 'static,
    {
        self.spawn(plan, wants, Noting::default(), cancel, Some(orderer), run);
    }

    fn spawn<F>(
        &mut self,
        plan: Plan,
        wants: Wanted,
        noting: Noting,
        cancel: CancellationToken,
        orderer: Option<oneshot::Sender<RunResult>>,
        run: impl FnOnce(Arc<Plan>, CancellationToken) -> F,
    ) where
        F: Future<Output = RunResult> + Send + 'static,
    {
        let number = self.begun;
        self.begun += 1;
        self.busy.extend(wants.iter().map(|(id, _)| (id.clone(), number)));
        let plan = Arc::new(plan);
        let work = run(Arc::clone(&plan), cancel.clone());
        self.numbers.insert(self.set.spawn(work).id(), number);
        let ordered = orderer.is_some();
        self.tasks.insert(number, Task { plan, wants, noting, cancel, ordered, orderer });
    }

    /// Asks those to end of whose objects something else is wanted now.
    pub(super) fn supersede(&self, mut want: impl FnMut(&ObjectId) -> Option<Fingerprint>) {
        for task in self.tasks.values().filter(|task| !task.cancel.is_cancelled()) {
            if task.wants.iter().any(|(id, was)| want(id) != *was) {
                task.cancel.cancel();
            }
        }
    }

    /// Asks all to end.
    pub(super) fn cancel(&self) {
        self.tasks.values().for_each(|task| task.cancel.cancel());
    }

    /// The next part that ends; never, if none runs.
    pub(super) async fn next(&mut self) -> (Task, RunResult) {
        loop {
            match self.set.join_next_with_id().await {
                Some(ended) => {
                    if let Some(ended) = self.take(ended) {
                        return ended;
                    }
                }
                None => std::future::pending().await,
            }
        }
    }

    /// One that has ended already.
    pub(super) fn try_next(&mut self) -> Option<(Task, RunResult)> {
        let ended = self.set.try_join_next_with_id()?;
        self.take(ended)
    }

    fn take(&mut self, ended: Result<(Id, RunResult), JoinError>) -> Option<(Task, RunResult)> {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let task = self.tasks.remove(&self.numbers.remove(&id)?)?;
        for (id, _) in &task.wants {
            self.busy.remove(id);
        }
        let result = ended.map(|(_, result)| result).unwrap_or_else(|error| {
            if is_on(Mutant::DiesOfPanics) {
                panic!("an injected panic, handed on");
            }
            // An engine that panics must not end the controller, nor keep its objects.
            tracing::error!("a part of a plan ended in a panic: {error}");
            let error = "internal error: the engine panicked".to_owned();
            let failed = StepOutcome::Failed { error, hint: None };
            RunResult { outcomes: vec![failed; task.plan.steps.len()], look_again: true }
        });
        Some((task.tell(&result), result))
    }
}
