//! Observe, plan, execute.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use limekiln_api::mutant::{Mutant, is_on};
use limekiln_api::{HostFacts, LimaVersion, Status, fill_as};
use limekiln_engine::Engine;
use limekiln_executor::{Executor, Limits, RunResult};
use limekiln_model::{
    Action, Capabilities, Desired, Host, Name, ObjectId, Observed, Owner, Plan, Policy, Report,
    StepOutcome,
};
use limekiln_planner::{RunVerb, basis_holds, checker};
use limekiln_sources::{Input, ReadOptions, Snapshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::home::Fence;
use crate::ledger::{LedgerEngine, exists, follow, owner_in};
use crate::load::{LoadCache, LoadContext, Loaded, Templates, load};
use crate::policy::Policies;
use crate::status::tried;
use crate::{
    Attempt, Claim, Claims, End, Home, Journal, Ledger, OnEvent, Outcome, Pass, Planned,
    ReconcileError, Requests, Run, SavedPlan, SavedPlanError, Settled, StatusStore, conditions,
    journal, ports, status,
};

/// The most passes that [`Reconciler::settle`] makes.
const PASSES: usize = 5;
/// How often the same plan may come again, though it was done each time.
const SAME: usize = 3;

/// Brings the VMs of one home to where manifests want them.
///
/// Methods that change something take the home's lock; the others take none and write nothing.
pub struct Reconciler {
    engine: Arc<dyn Engine>,
    home: Home,
    facts: HostFacts,
    limits: Limits,
    ledger: Ledger,
}

impl Reconciler {
    /// A reconciler of a home, with the engine that makes its instances.
    pub fn new(engine: Arc<dyn Engine>, home: Home, facts: HostFacts) -> Self {
        let limits = Limits::for_host(facts.cpus);
        let ledger = Ledger::new(&home);
        Self { engine, home, facts, limits, ledger }
    }

    /// With other limits than the host suggests.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The home.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// What the engine can do.
    pub fn capabilities(&self) -> Capabilities {
        self.engine.capabilities()
    }

    /// What was done, for `events`.
    pub fn journal(&self) -> Journal {
        Journal::new(&self.home)
    }

    /// What is ours.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn claims(&self) -> Result<Arc<Claims>, ReconcileError> {
        self.home.check()?;
        let claims = self.ledger.read()?;
        for path in &claims.damaged {
            warn!("{} is damaged; its object is not managed until adopted", path.display());
        }
        Ok(claims)
    }

    /// Reads the inputs, fetches what they build on, and checks all manifests. Blocks.
    ///
    /// # Errors
    /// If an input cannot be read whole, or the ledger can't. Faulty manifests, and those that
    /// build on something that cannot be had, are diagnostics.
    pub fn load(
        &self,
        inputs: &[Input],
        options: &ReadOptions,
        templates: Templates<'_>,
    ) -> Result<Loaded, ReconcileError> {
        self.load_snapshots(&limekiln_sources::read(inputs, options)?, templates)
    }

    /// Fetches what the manifests of snapshots build on, and checks them all. Blocks.
    ///
    /// # Errors
    /// If a file cannot be read, and the ledger can't either.
    pub fn load_snapshots(
        &self,
        snapshots: &[Snapshot],
        templates: Templates<'_>,
    ) -> Result<Loaded, ReconcileError> {
        self.load_snapshots_under(snapshots, templates, &Policies::default())
    }

    /// The same under policies of the host's own.
    ///
    /// # Errors
    /// As [`Self::load_snapshots`].
    pub fn load_snapshots_under(
        &self,
        snapshots: &[Snapshot],
        templates: Templates<'_>,
        policies: &Policies,
    ) -> Result<Loaded, ReconcileError> {
        self.read(snapshots, templates, policies, false, None)
    }

    /// The same, with what the policies say of each field. Denials are no diagnostics then.
    ///
    /// # Errors
    /// As [`Self::load_snapshots`].
    pub fn judge_snapshots(
        &self,
        snapshots: &[Snapshot],
        templates: Templates<'_>,
        policies: &Policies,
    ) -> Result<Loaded, ReconcileError> {
        self.read(snapshots, templates, policies, true, None)
    }

    /// As [`Self::load_snapshots_under`], for one who loads again and again: what did not change
    /// since the last time is not checked again.
    ///
    /// # Errors
    /// As [`Self::load_snapshots`].
    pub(crate) fn load_again(
        &self,
        snapshots: &[Snapshot],
        templates: Templates<'_>,
        policies: &Policies,
        cache: &LoadCache,
    ) -> Result<Loaded, ReconcileError> {
        self.read(snapshots, templates, policies, false, Some(cache))
    }

    fn read(
        &self,
        snapshots: &[Snapshot],
        templates: Templates<'_>,
        policies: &Policies,
        explain: bool,
        cache: Option<&LoadCache>,
    ) -> Result<Loaded, ReconcileError> {
        self.home.check()?;
        let owners = || {
            let claims = self.claims()?;
            let owner = |(id, claim): (&ObjectId, &Arc<Claim>)| (id.clone(), claim.owner.clone());
            Ok(claims.by_id.iter().map(owner).collect())
        };
        let context = LoadContext {
            facts: &self.facts,
            unsupported: self.engine.unsupported_fields(),
            owners: &owners,
            embedding: templates.embedding(&self.facts),
            lock: templates.lock,
            policies,
            explain,
            cache,
        };
        load(snapshots, &context)
    }

    /// Looks at everything.
    ///
    /// # Errors
    /// If the home or the ledger cannot be read.
    pub async fn observe(&self) -> Result<Observed, ReconcileError> {
        Ok(self.look().await?.0)
    }

    /// The same with the ledger that it was seen with.
    pub(crate) async fn look(&self) -> Result<(Observed, Arc<Claims>), ReconcileError> {
        let mut engine = std::pin::pin!(self.engine.observe());
        // An engine that looks at files does so beside this; the ledger is read meanwhile.
        let first = poll_fn(|context| Poll::Ready(engine.as_mut().poll(context))).await;
        let claims = self.claims()?;
        let observed = match first {
            Poll::Ready(observed) => observed,
            Poll::Pending => engine.await,
        };
        let mut observed = observed.map_err(ReconcileError::Observe)?;
        let restarting = claims.by_id.values().filter(|claim| claim.restarting);
        observed.restarting = restarting.map(|claim| claim.id.name.clone()).collect();
        let existing = claims.by_id.iter().filter(|(id, _)| exists(&observed, id));
        observed.owners = existing.map(|(id, claim)| (id.clone(), claim.owner.clone())).collect();
        let host = Host { facts: self.facts.clone(), taken_ports: Default::default() };
        observed.host = Some(host);
        Ok((observed, claims))
    }

    /// The same within a bound.
    ///
    /// # Errors
    /// As [`Self::observe`], or if it takes longer.
    pub(crate) async fn look_within(
        &self,
        limit: Duration,
    ) -> Result<(Observed, Arc<Claims>), ReconcileError> {
        let patience = if is_on(Mutant::LooksForever) { Duration::MAX } else { limit };
        let looked = timeout(patience, self.look()).await;
        looked.map_err(|_| ReconcileError::Hangs(limit.as_secs()))?
    }

    /// Looks at everything, also at who has the ports that are asked for.
    async fn observe_for(&self, desired: &Desired) -> Result<Observed, ReconcileError> {
        Ok(self.with_ports(self.observe().await?, desired))
    }

    fn with_ports(&self, mut observed: Observed, desired: &Desired) -> Observed {
        let taken_ports = ports::taken(desired, &observed);
        observed.host = Some(Host { facts: self.facts.clone(), taken_ports });
        observed
    }

    /// Plans what the manifests ask for.
    ///
    /// # Errors
    /// If the home or the ledger cannot be read.
    pub async fn plan(&self, desired: Desired, policy: Policy) -> Result<Planned, ReconcileError> {
        self.plan_on(self.observe().await?, desired, policy)
    }

    /// Plans what the manifests ask for, from what was observed.
    ///
    /// # Errors
    /// If what people ask for beside them cannot be read.
    pub fn plan_on(
        &self,
        observed: Observed,
        desired: Desired,
        policy: Policy,
    ) -> Result<Planned, ReconcileError> {
        let (observed, desired, policy) = self.complete(observed, desired, policy)?;
        let (plan, report) =
            limekiln_planner::plan(&desired, &observed, &self.capabilities(), &policy);
        Ok(Planned { plan, report, observed, desired, policy })
    }

    /// The same again and again: planning is pure, so of what the last plan was made from, the
    /// same plan is made.
    ///
    /// # Errors
    /// As [`Self::plan_on`].
    pub(crate) fn plan_again(
        &self,
        last: Option<&Arc<Planned>>,
        observed: Observed,
        desired: Desired,
        policy: Policy,
    ) -> Result<Arc<Planned>, ReconcileError> {
        let (observed, desired, policy) = self.complete(observed, desired, policy)?;
        let same = |last: &&Arc<Planned>| {
            last.policy == policy && last.desired == desired && last.observed == observed
        };
        if let Some(last) = last.filter(same) {
            return Ok(Arc::clone(last));
        }
        let (plan, report) =
            limekiln_planner::plan(&desired, &observed, &self.capabilities(), &policy);
        Ok(Arc::new(Planned { plan, report, observed, desired, policy }))
    }

    /// Puts in what people ask for beside the manifests, what the host says, and defaults that
    /// depend on what exists.
    fn complete(
        &self,
        observed: Observed,
        mut desired: Desired,
        mut policy: Policy,
    ) -> Result<(Observed, Desired, Policy), ReconcileError> {
        Requests::read(&self.home)?.apply(&mut desired, &mut policy);
        let observed = self.with_ports(observed, &desired);
        refill(&mut desired, &observed, &self.facts);
        Ok((observed, desired, policy))
    }

    /// Plans deletions: parked, or with `purge` removed for good.
    ///
    /// # Errors
    /// If the home or the ledger cannot be read.
    pub async fn plan_delete(
        &self,
        ids: &[ObjectId],
        purge: bool,
    ) -> Result<Planned, ReconcileError> {
        self.plan_with(|observed, can| limekiln_planner::plan_delete(observed, can, ids, purge))
            .await
    }

    /// Plans bringing parked objects back.
    ///
    /// # Errors
    /// If the home or the ledger cannot be read.
    pub async fn plan_restore(&self, ids: &[ObjectId]) -> Result<Planned, ReconcileError> {
        self.plan_with(|observed, can| limekiln_planner::plan_restore(observed, can, ids)).await
    }

    /// Plans starts and stops by hand.
    ///
    /// # Errors
    /// If the home or the ledger cannot be read.
    pub async fn plan_run(&self, names: &[Name], verb: RunVerb) -> Result<Planned, ReconcileError> {
        self.plan_with(|observed, can| limekiln_planner::plan_run(observed, can, names, verb)).await
    }

    async fn plan_with(
        &self,
        plan: impl FnOnce(&Observed, &Capabilities) -> (Plan, Report),
    ) -> Result<Planned, ReconcileError> {
        let observed = self.observe().await?;
        let (plan, report) = plan(&observed, &self.capabilities());
        Ok(Planned { plan, report, observed, ..Planned::default() })
    }

    /// The plan as it is to be written to a file.
    pub fn save(&self, planned: &Planned) -> SavedPlan {
        SavedPlan::new(planned, self.home.lima_home())
    }

    /// Takes up a saved plan, after a look at whether it still fits.
    ///
    /// # Errors
    /// If it was made for another home or another state, or breaks a rule of plans.
    pub async fn resume(&self, saved: SavedPlan) -> Result<Planned, ReconcileError> {
        let here = self.home.lima_home();
        if saved.lima_home != here {
            let (made_for, here) = (saved.lima_home, here.to_owned());
            return Err(SavedPlanError::Elsewhere { made_for, here }.into());
        }
        let observed = self.observe_for(&saved.desired).await?;
        basis_holds(&saved.plan, &observed).map_err(ReconcileError::Moved)?;
        let broken = checker::check(&saved.plan, &saved.desired, &observed, saved.policy.adopt);
        if let Some(first) = broken.first() {
            return Err(SavedPlanError::Unsound(first.to_string()).into());
        }
        let SavedPlan { plan, report, desired, policy, .. } = saved;
        Ok(Planned { plan, report, observed, desired, policy })
    }

    /// Runs exactly this plan, and updates the ledger, also when the plan is empty.
    ///
    /// # Errors
    /// If another limekiln is at work, or an object with a step has changed since the plan was
    /// made: then nothing is done.
    pub async fn execute(&self, planned: &Planned, run: &Run) -> Result<Outcome, ReconcileError> {
        let lock = self.home.lock()?;
        self.execute_locked(&lock.fence(), planned, run).await
    }

    async fn execute_locked(
        &self,
        fence: &Fence,
        planned: &Planned,
        run: &Run,
    ) -> Result<Outcome, ReconcileError> {
        // Who destroys looks again: the plan may have waited for an answer for hours.
        let observed = self.observe_for(&planned.desired).await?;
        basis_holds(&planned.plan, &observed).map_err(ReconcileError::Moved)?;
        self.nothing_suspended(planned)?;
        let earlier = Some(&planned.observed);
        self.keep_books(fence, &*self.claims()?, planned, &observed, earlier, &|_| false)?;
        let (inner, ledger) = (Arc::clone(&self.engine), self.ledger.fenced(fence));
        let engine = LedgerEngine::new(
            inner,
            ledger,
            &planned.plan,
            owners_after(&planned.plan, &planned.desired),
        );
        let executor = Executor::new(Arc::new(engine), self.limits.clone());
        let sink = self.sink(&planned.plan, run);
        let result = executor.run(&planned.plan, &run.cancel, sink).await;
        let observed = self.observe_for(&planned.desired).await?;
        self.note_status(planned, &observed);
        Ok(Outcome { result, observed })
    }

    /// Whether nothing was suspended since the plan was made. By hand, everything may be done.
    fn nothing_suspended(&self, planned: &Planned) -> Result<(), ReconcileError> {
        if planned.desired.sources.is_empty() {
            return Ok(());
        }
        let suspended = Requests::read(&self.home)?.suspended;
        let objects = planned.plan.steps.iter().map(|step| step.action.object());
        let moved: Vec<_> = objects.filter(|id| suspended.contains(id)).collect();
        if moved.is_empty() { Ok(()) } else { Err(ReconcileError::Moved(moved)) }
    }

    /// An executor with the limits of this host, for parts of plans that run side by side.
    pub(crate) fn executor(&self) -> Executor {
        Executor::new(Arc::clone(&self.engine), self.limits.clone())
    }

    /// Keeps the ledger in step, but for objects that are being worked on.
    pub(crate) fn keep_books(
        &self,
        fence: &Fence,
        claims: &Claims,
        planned: &Planned,
        observed: &Observed,
        earlier: Option<&Observed>,
        busy: &dyn Fn(&ObjectId) -> bool,
    ) -> Result<(), ReconcileError> {
        let ledger = self.ledger.fenced(fence);
        for aside in ledger.set_aside(claims)? {
            warn!("a damaged ledger file was set aside as {}", aside.display());
        }
        follow(&ledger, claims, planned, observed, earlier, busy)?;
        Ok(())
    }

    /// Whose the objects of a part will be.
    pub(crate) fn owners_of(&self, part: &Plan, desired: &Desired) -> BTreeMap<ObjectId, Owner> {
        owners_after(part, desired)
    }

    /// Runs a part of a plan beside others. The home's lock is held by the caller, who has just
    /// looked, and has kept the books.
    pub(crate) async fn run_part(
        &self,
        fence: &Fence,
        longest_look: Duration,
        executor: &Executor,
        part: &Plan,
        owners: BTreeMap<ObjectId, Owner>,
        cancel: &CancellationToken,
        on_event: OnEvent,
    ) -> RunResult {
        if disrupts(part)
            && !is_on(Mutant::StopsUnseen)
            && let Err(error) = self.look_again(part, longest_look).await
        {
            return withheld(part, &error);
        }
        let (inner, ledger) = (Arc::clone(&self.engine), self.ledger.fenced(fence));
        let engine = LedgerEngine::new(inner, ledger, part, owners);
        let run = Run { cancel: cancel.clone(), on_event };
        executor.with_engine(Arc::new(engine)).run(part, cancel, self.sink(part, &run)).await
    }

    /// Who takes something away looks again: what the plan was made from may be out of date.
    async fn look_again(&self, part: &Plan, limit: Duration) -> Result<(), ReconcileError> {
        let observed = self.look_within(limit).await?.0;
        basis_holds(part, &observed).map_err(ReconcileError::Moved)
    }

    fn sink(&self, plan: &Plan, run: &Run) -> limekiln_executor::EventSink {
        let (plan, journal, on_event) =
            (Arc::new(plan.clone()), self.journal(), Arc::clone(&run.on_event));
        Arc::new(move |event| {
            if let Some(record) = journal::record(&plan, &event)
                && let Err(error) = journal.append(&record)
            {
                warn!("cannot write the event log: {error}");
            }
            on_event(&plan, &event);
        })
    }

    /// Notes the status after a run.
    fn note_status(&self, planned: &Planned, observed: &Observed) {
        let (plan, report) = limekiln_planner::plan(
            &planned.desired,
            observed,
            &self.capabilities(),
            &planned.policy,
        );
        let compared = (!planned.desired.sources.is_empty()).then_some((&plan, &report));
        self.note(observed, compared, &BTreeMap::new());
    }

    /// Notes what can be told of each object. Times of conditions are nice to have: nothing fails
    /// for them.
    pub(crate) fn note(
        &self,
        observed: &Observed,
        compared: Option<(&Plan, &Report)>,
        attempts: &BTreeMap<ObjectId, Attempt>,
    ) {
        let Ok(claims) = self.claims() else { return };
        let ids = claims.by_id.keys().filter(|id| exists(observed, id));
        let current = ids.map(|id| {
            let mut found =
                conditions(id, observed, compared, claims.by_id.get(id).map(Arc::as_ref));
            if let Some(attempt) = attempts.get(id) {
                tried(&mut found, attempt);
            }
            (id.clone(), found)
        });
        if let Err(error) = StatusStore::new(&self.home).note(current) {
            warn!("cannot write the status file: {error}");
        }
    }

    /// Phase and conditions of an object, with times where they are known.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn status(
        &self,
        id: &ObjectId,
        observed: &Observed,
        planned: Option<&Planned>,
    ) -> Result<Status, ReconcileError> {
        let claim = self.ledger.get(id)?;
        let compared = planned.map(|planned| (&planned.plan, &planned.report));
        let mut status = status(id, observed, compared, claim.as_ref());
        let store = StatusStore::new(&self.home);
        store.date(id, &mut status.conditions);
        if compared.is_none() {
            status.conditions.extend(store.of_manifests(id));
        }
        Ok(status)
    }

    /// Runs the plan, looks again, and goes on with what has become possible, until nothing is
    /// left to do. Later passes destroy nothing: that would need consent of its own.
    ///
    /// # Errors
    /// As [`Self::execute`], for the first pass; if the home can no longer be read later.
    pub async fn settle(&self, planned: Planned, run: &Run) -> Result<Settled, ReconcileError> {
        let lock = self.home.lock()?;
        let mut passes: Vec<Pass> = Vec::new();
        let mut rest = planned;
        loop {
            let outcome = self.execute_locked(&lock.fence(), &rest, run).await?;
            let Planned { plan, desired, policy, .. } = rest;
            passes.push(Pass { plan, result: outcome.result });
            rest = self.plan(desired, policy).await?;
            if let Some(end) = end(&passes, &rest, run) {
                return Ok(Settled { passes, rest, end });
            }
        }
    }
}

/// Fills in again what an older Lima made: some defaults depend on it, and those of a new
/// instance would look like changes.
fn refill(desired: &mut Desired, observed: &Observed, facts: &HostFacts) {
    let current = LimaVersion::current();
    for (name, wanted) in &mut desired.instances {
        let creator = observed.instances.get(name).map(|instance| &instance.creator);
        if let Some(creator) = creator.filter(|creator| **creator != current) {
            let spec = &mut Arc::make_mut(wanted).spec;
            spec.filled = fill_as(&spec.spec.template, name, facts, creator).into();
        }
    }
}

/// Why to stop after these passes, if so.
fn end(passes: &[Pass], rest: &Planned, run: &Run) -> Option<End> {
    let last = &passes.last()?.result;
    if last.was_cancelled() || run.cancel.is_cancelled() {
        Some(End::Cancelled)
    } else if !last.is_done() && !last.look_again {
        Some(End::Failed)
    } else if rest.plan.is_empty() {
        Some(if last.is_done() { End::Settled } else { End::Failed })
    } else if passes.iter().filter(|pass| pass.plan.steps == rest.plan.steps).count() >= SAME
        || passes.len() >= PASSES
    {
        Some(if last.is_done() { End::Stalled } else { End::Failed })
    } else if rest.plan.destructive().next().is_some() {
        Some(End::NeedsConsent)
    } else {
        None
    }
}

/// Whether something stops that runs, or goes.
fn disrupts(part: &Plan) -> bool {
    let stops = |action: &Action| {
        matches!(action, Action::StopInstance { .. } | Action::StopNetwork { .. })
    };
    part.steps.iter().any(|step| step.action.is_destructive() || stops(&step.action))
}

/// Nothing of the part was begun.
fn withheld(part: &Plan, error: &ReconcileError) -> RunResult {
    let failed = StepOutcome::Failed { error: error.chain(), hint: error.hint() };
    let rest = part.steps.iter().skip(1).map(|_| StepOutcome::Skipped);
    RunResult { outcomes: std::iter::once(failed).chain(rest).collect(), look_again: true }
}

/// Whose the objects will be that have steps.
fn owners_after(plan: &Plan, desired: &Desired) -> BTreeMap<ObjectId, Owner> {
    let ids = plan.steps.iter().map(|step| step.action.object());
    ids.filter_map(|id| owner_in(desired, &id).map(|owner| (id, owner))).collect()
}
