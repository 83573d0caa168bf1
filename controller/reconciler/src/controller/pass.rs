//! One look at everything, and what follows from it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use limekiln_api::mutant::{Mutant, is_on};
use limekiln_executor::RunResult;
use limekiln_model::{Fingerprint, ObjectId, Observed, Plan, StepId, StepOutcome, fingerprint};
use tokio::time::Instant;
use tracing::{info, warn};

use super::ahead::{Look, Looked, Prepare, Seen};
use super::attempts::{End, Tried};
use super::gone::Gone;
use super::intake::{Intake, blocking};
use super::run::Controller;
use super::run_log::Noting;
use super::tasks::{Task, Wanted};
use super::wants::Wants;
use super::{Attempt, Taken};
use crate::home::Fence;
use crate::ledger::{Owners, owners_after};
use crate::requests::gone;
use crate::{Claims, Loaded, Planned, ReconcileError, Run};

/// What exists and what is to be done, with the ledger of then.
type Compared = (Arc<Planned>, Arc<Claims>);

/// Whether the history tells of a part.
#[derive(Clone, Copy)]
enum Noted {
    /// It brings about what a revision wants.
    Run,
    /// Time has passed; no revision asked for it.
    Nowhere,
}

/// What is gone from its source and may be in another one by now, and why. What may never be deleted
/// does not wait for that.
fn waits(
    intake: &dyn Intake,
    known: &mut Gone,
    loaded: &Loaded,
    observed: &Observed,
) -> BTreeMap<ObjectId, String> {
    let Some(look) = intake.look() else { return BTreeMap::new() };
    let never = |source: &String| loaded.prune_budgets.get(source) == Some(&0);
    let gone = gone(&loaded.desired, observed).filter(|(_, source)| !never(source));
    let since = known.seen(gone.map(|(id, _)| id), look);
    since.iter().filter_map(|(id, since)| Some((id.clone(), intake.may_have(*since)?))).collect()
}

impl Controller {
    pub(super) async fn pass(&mut self, fence: &Fence) {
        let begun = Instant::now();
        while let Some((task, result)) = self.tasks.try_next() {
            self.ended(&task, &result);
        }
        self.mailbox.take().iter().for_each(|id| self.attempts.forget(id));
        let (read, (looked, ahead)) = self.take_and_look().await;
        self.take_up_requests(fence);
        let planned = looked.and_then(|looked| self.plan(looked, ahead.as_ref()));
        let (planned, observe_error) = match planned {
            Ok(planned) => (planned, None),
            Err(error) => (None, Some(error.told())),
        };
        self.orders(fence, planned.as_ref().map(|(planned, claims)| (&**planned, &**claims)));
        if let Some((planned, claims)) = &planned {
            self.look_for_gone(planned);
            if self.announce(planned) {
                // Whoever waits for it is served before it begins.
                tokio::task::yield_now().await;
            }
            self.act(fence, planned, claims);
            self.looked = Some(Arc::clone(planned));
        }
        self.looks.add(begun.elapsed());
        self.publish(planned.map(|(planned, _)| planned), read, observe_error);
        self.intake.keep(&self.reconciler).await;
        self.write_run_log().await;
    }

    /// Notes what was begun and what has ended: after what follows from this look has begun, and the
    /// revisions are kept that it is noted of.
    async fn write_run_log(&mut self) {
        if !self.run_log.is_empty() {
            let (unwritten, history) = (self.run_log.take(), self.reconciler.history());
            blocking(move || unwritten.write(&history)).await;
        }
    }

    /// Reads the sources, and looks at what exists meanwhile. What is seen must not be old when it
    /// is planned from: once a file was waited for, and where reading takes its time, it is looked
    /// anew.
    async fn take_and_look(&mut self) -> (Taken, Seen) {
        let (reconciler, limit) = (Arc::clone(&self.reconciler), self.options.longest_look);
        let fresh = |look| Look::fresh(look, &reconciler, limit, || None);
        let mut look = fresh(self.ahead.take());
        let prepare = self.prepare();
        let (mailbox, mut taken) = (self.mailbox.clone(), Box::pin(self.take()));
        let read = loop {
            tokio::select! {
                biased;
                read = &mut taken => break read,
                () = mailbox.soon() => {
                    look = Look::fresh(Some(look), &reconciler, limit, || prepare.clone());
                }
                () = look.go_on() => {}
            }
        };
        (read, fresh(Some(look)).end().await)
    }

    /// What a plan before its time is made with.
    pub(super) fn prepare(&self) -> Option<Prepare> {
        let foresight = self.intake.foresight()?;
        let (policy, last) = (self.options.policy.clone(), self.state.borrow().planned.clone());
        Some(Prepare { foresight, policy, last })
    }

    /// Reads the sources. What cannot be read leaves in force what was read before.
    async fn take(&mut self) -> Taken {
        let handle = self.handle();
        let mut taken = self.intake.take(&self.reconciler, &handle).await;
        if let Some(loaded) = taken.loaded.take() {
            info!(revision = loaded.desired.revision, "the manifests are read");
            self.loaded = Some(*loaded);
            self.wants = Wants::default();
        }
        taken
    }

    /// Takes up and ends acknowledgements, unless somebody else is the controller by now.
    fn take_up_requests(&self, fence: &Fence) {
        if let Some(loaded) = self.loaded.as_ref().filter(|_| fence.check().is_ok()) {
            self.reconciler.take_up_requests(&loaded.desired);
        }
    }

    /// `None` before anything was read.
    fn plan(
        &mut self,
        (observed, claims): Looked,
        ahead: Option<&Arc<Planned>>,
    ) -> Result<Option<Compared>, ReconcileError> {
        let Some(loaded) = &self.loaded else { return Ok(None) };
        let last = self.looked.as_ref().map_or(0, |looked| looked.observed.generation);
        if observed.generation < last && !is_on(Mutant::BelievesOldLooks) {
            return Err(ReconcileError::OutOfDate { seen: observed.generation, last });
        }
        let mut policy = self.options.policy.clone();
        policy.prune_budgets.clone_from(&loaded.prune_budgets);
        if self.looked.is_none() && policy.prune && !is_on(Mutant::PrunesAtFirstLook) {
            // Nothing tells whether the first look is out of date, and what it does not show would
            // not count against the budget: what may be deleted is for the next one to say.
            policy.prune_later = true;
            self.handle().again();
        }
        if policy.prune && !is_on(Mutant::PrunesWhatMoved) {
            policy.prune_waits = waits(&*self.intake, &mut self.gone, loaded, &observed);
        }
        let desired = loaded.desired.clone();
        let last = self.state.borrow().planned.clone();
        let (books, last) = (&self.reconciler, last.as_ref());
        let planned = books.plan_again(last, ahead, observed, desired, policy)?;
        Ok(Some((planned, claims)))
    }

    /// Has the sources read once more that what is gone may be in by now. Who has been asked already
    /// is not again.
    fn look_for_gone(&mut self, planned: &Planned) {
        let Some(latest) = self.gone.latest().filter(|_| planned.policy.waits()) else { return };
        if self.intake.ask_since(latest) {
            self.handle().again();
        }
    }

    /// Starts what can be started.
    fn act(&mut self, fence: &Fence, planned: &Arc<Planned>, claims: &Arc<Claims>) {
        let Planned { plan, desired, .. } = &**planned;
        if !is_on(Mutant::FinishesOldWork) {
            let wants = &mut self.wants;
            self.tasks.supersede(|id| wants.of(desired, id));
        }
        let needs: BTreeSet<_> = plan.steps.iter().map(|step| step.action.object()).collect();
        let (tasks, options) = (&self.tasks, &self.options);
        self.attempts.calm_down(|id| needs.contains(id) || tasks.is_busy(id), options);
        self.attempts.helped(|id| needs.contains(id) || tasks.is_busy(id));
        let busy = |id: &ObjectId| tasks.is_busy(id);
        let done = |(of, kept): &(Arc<Planned>, Arc<Claims>)| {
            Arc::ptr_eq(of, planned) && Arc::ptr_eq(kept, claims)
        };
        if !self.kept.as_ref().is_some_and(done) {
            self.kept = None;
            let earlier = self.looked.as_ref().map(|looked| &looked.observed);
            let (books, observed) = (&self.reconciler, &planned.observed);
            if let Err(error) = books.keep_books(fence, claims, planned, observed, earlier, &busy) {
                warn!("the ledger cannot be written, so nothing is done: {}", error.chain());
                return;
            }
            // What is worked on was left out, and what is new counts when it is seen again.
            let again = self.looked.as_ref().is_some_and(|looked| Arc::ptr_eq(looked, planned));
            let all = again && tasks.is_empty();
            self.kept = all.then(|| (Arc::clone(planned), Arc::clone(claims)));
        }
        let owners = Arc::new(owners_after(plan, desired));
        for part in plan.clone().into_parts() {
            self.start(fence, part, planned, &owners, Noted::Run);
        }
        self.run_log.begun();
        self.expire(fence, planned);
    }

    /// Removes what has been parked for long enough.
    fn expire(&mut self, fence: &Fence, planned: &Planned) {
        let Some(keep) = self.options.keep_parked else { return };
        let observed = &planned.observed;
        let over = self.expiry.look(&observed.parked, keep, self.options.clock.now());
        if let Err(error) = self.expiry.save() {
            warn!("it cannot be noted how long what is parked has been so: {error}");
        }
        // What nobody may act on keeps also what was parked of it.
        let desired = &planned.desired;
        let held = |id: &ObjectId| {
            self.tasks.is_busy(id) || desired.frozen.contains_key(id) || desired.is_suspended(id)
        };
        let over: Vec<_> = over.into_iter().filter(|(id, _)| !held(id)).collect();
        if !over.is_empty() {
            let plan = limekiln_planner::plan_expire(observed, &over);
            let owners = Arc::new(owners_after(&plan, desired));
            for part in plan.into_parts() {
                self.start(fence, part, planned, &owners, Noted::Nowhere);
            }
        }
    }

    /// Starts a part, unless somebody works on one of its objects, or one of them has to wait.
    fn start(
        &mut self,
        fence: &Fence,
        part: Plan,
        planned: &Planned,
        owners: &Arc<Owners>,
        noted: Noted,
    ) {
        let steps = by_object(&part);
        if steps.keys().any(|id| self.tasks.is_busy(id)) && !is_on(Mutant::IgnoresWork) {
            return;
        }
        let want = |id: &ObjectId| (id.clone(), self.wants.of(&planned.desired, id));
        let wants: Wanted = steps.keys().map(want).collect();
        let attempts = &mut self.attempts;
        let waits = |(id, want): &(ObjectId, Option<Fingerprint>)| {
            attempts.waits(id, want.as_ref(), || print_of(&part, &steps[id]))
        };
        if wants.iter().map(waits).fold(false, |any, waits| any | waits) {
            return;
        }
        let (reconciler, executor) = (Arc::clone(&self.reconciler), self.executor.clone());
        let noting = match noted {
            Noted::Run => self.run_log.begin(&part, planned),
            Noted::Nowhere => Noting::default(),
        };
        let on_event = noting.timing(Arc::clone(&self.on_event));
        let owners = Arc::clone(owners);
        let (fence, look) = (fence.clone(), self.options.longest_look);
        self.tasks.begin(part, wants, noting, |part, cancel| async move {
            let run = Run { cancel, on_event };
            reconciler.run_part(&fence, look, &executor, &part, owners, &run).await
        });
    }

    /// Notes how a part ended.
    pub(super) fn ended(&mut self, task: &Task, result: &RunResult) {
        // What was seen before is not so any more.
        self.ahead = None;
        self.run_log.ended(&task.noting, result);
        // What somebody ordered is not tried again.
        if task.is_ordered() {
            return;
        }
        let steps = by_object(&task.plan);
        for (id, want) in &task.wants {
            let steps = &steps[id];
            let outcomes: Vec<_> =
                steps.iter().filter_map(|number| result.outcomes.get(number.0)).collect();
            let failure = outcomes.iter().find_map(|outcome| match outcome {
                StepOutcome::Failed { error, .. } => Some(error.clone()),
                _ => None,
            });
            let done = outcomes.iter().all(|outcome| **outcome == StepOutcome::Done);
            let end = match failure {
                Some(error) => End::Failed(error),
                None if done => End::Done,
                // Skipped or cancelled: it is nobody's fault, and says nothing about the object.
                None => continue,
            };
            let steps = print_of(&task.plan, steps);
            self.attempts.ended(id, want.clone(), steps, end, &self.options);
        }
    }

    /// Shows a plan before anything of it begins; whether it is news.
    fn announce(&self, planned: &Arc<Planned>) -> bool {
        self.state.send_if_modified(|state| {
            let new = !state.planned.as_ref().is_some_and(|known| Arc::ptr_eq(known, planned));
            // That nothing is left to do is told together with what became of what was done.
            let tells = new && !planned.plan.is_empty();
            if tells {
                state.planned = Some(Arc::clone(planned));
            }
            tells
        })
    }

    fn publish(
        &mut self,
        planned: Option<Arc<Planned>>,
        read: Taken,
        observe_error: Option<String>,
    ) {
        let now = Instant::now();
        let attempts = self.attempts.all().filter(|(_, tried)| tried.times > 0);
        let attempt = |tried: &Tried| Attempt {
            times: tried.times,
            error: tried.error.clone(),
            stalled: tried.in_vain >= self.options.stalled_after,
            retry_ms: u64::try_from(tried.until.saturating_duration_since(now).as_millis())
                .unwrap_or(u64::MAX),
        };
        let attempts: BTreeMap<_, _> =
            attempts.map(|(id, tried)| (id.clone(), attempt(tried))).collect();
        let (noted, tried) = (planned.clone(), attempts.clone());
        let (busy, looks) = (self.tasks.objects().cloned().collect(), self.looks);
        self.state.send_modify(|state| {
            state.passes += 1;
            if planned.is_some() {
                state.planned = planned;
            }
            state.source_errors = read.errors;
            state.unread = read.unread;
            state.observe_error = observe_error;
            state.busy = busy;
            state.attempts = attempts;
            state.at = Some(now);
            state.looks = looks;
        });
        // Written when the plan is known to whoever waits for it.
        if let Some(planned) = &noted {
            self.note(planned, &tried);
        }
    }

    /// Writes down what can be told of each object, if that is news.
    fn note(&mut self, planned: &Arc<Planned>, attempts: &BTreeMap<ObjectId, Attempt>) {
        // When the next try is changes all the time, and is not written.
        let tries = |attempts: &BTreeMap<ObjectId, Attempt>| -> Vec<_> {
            attempts.iter().map(|(id, one)| (id.clone(), one.times, one.stalled)).collect()
        };
        let tried = tries(attempts);
        let same = self.noted.as_ref().is_some_and(|(before, known)| {
            let same = Arc::ptr_eq(before, planned)
                || (before.desired.revision == planned.desired.revision
                    && before.plan == planned.plan
                    && before.report == planned.report
                    && before.observed == planned.observed);
            *known == tried && same
        });
        if !same {
            let compared = Some((&planned.plan, &planned.report, &*planned.desired.revision));
            self.reconciler.note(&planned.observed, compared, attempts);
            self.noted = Some((Arc::clone(planned), tried));
        }
    }
}

/// The steps of each object.
fn by_object(plan: &Plan) -> BTreeMap<ObjectId, Vec<StepId>> {
    let mut steps: BTreeMap<ObjectId, Vec<StepId>> = BTreeMap::new();
    for (number, step) in plan.iter() {
        steps.entry(step.action.object()).or_default().push(number);
    }
    steps
}

/// What steps of a plan do.
fn print_of(plan: &Plan, steps: &[StepId]) -> Fingerprint {
    fingerprint(&steps.iter().map(|number| &plan.steps[number.0].action).collect::<Vec<_>>())
}
