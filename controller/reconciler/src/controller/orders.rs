//! Plans that others have made, and want run beside the controller's own work.
//!
//! Whoever plans by himself needs no lock to look, only to act; the controller, which has the
//! lock, acts for him. It runs exactly that plan or refuses it as a whole: when its basis has
//! moved, when its objects are busy for too long, and when it touches what the controller keeps
//! and would only put back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use limekiln_api::RunStrategy;
use limekiln_api::mutant::{Mutant, is_on};
use limekiln_executor::RunResult;
use limekiln_model::{Action, Desired, Kind, ObjectId, Origin, Plan};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::adopting;
use super::run::Controller;
use crate::home::Fence;
use crate::ledger::owners_after;
use crate::{Claims, OnEvent, Planned, ReconcileError, Run, SavedPlan};

/// A plan to be run for somebody.
pub struct Order {
    /// The plan, as it was shown.
    pub plan: SavedPlan,
    /// Ends it at its next safe point, or withdraws it before it has begun.
    pub cancel: CancellationToken,
    /// Takes its events. Must be quick.
    pub on_event: OnEvent,
    /// How long objects that are worked on are waited for.
    pub patience: Duration,
}

/// What becomes of an order.
pub struct Ticket {
    /// That it has begun, or why it will not. Nothing, if the controller comes to its end.
    pub begun: oneshot::Receiver<Result<(), OrderError>>,
    /// How it ended.
    pub ended: oneshot::Receiver<RunResult>,
}

/// Why an order was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// It would be put back at once.
    #[error("{object} is kept by the controller from {}", place(.origin))]
    Kept {
        /// Which.
        object: ObjectId,
        /// Where its manifest is.
        origin: Origin,
    },
    /// Somebody works on it for too long.
    #[error("the controller works on {0}")]
    Busy(ObjectId),
    /// What is wanted is not known yet, or what exists is not.
    #[error("the controller has not seen yet what is wanted and what exists")]
    Unready,
    /// Too many wait.
    #[error("too many orders wait")]
    TooMany,
    /// The plan does not fit.
    #[error(transparent)]
    Unfit(#[from] ReconcileError),
}

fn place(origin: &Origin) -> String {
    format!("{}:{}", origin.file.display(), origin.line)
}

impl OrderError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Kept { object, .. } => Some(format!(
                "change its manifest, or `limekiln suspend {object}` to do it by hand"
            )),
            Self::Busy(_) | Self::TooMany => Some("try again when it has finished".to_owned()),
            Self::Unready => Some("`limekiln events` and its log tell why".to_owned()),
            Self::Unfit(error) => error.hint(),
        }
    }
}

/// An order that waits to be looked at.
pub(super) struct Pending {
    order: Order,
    begun: oneshot::Sender<Result<(), OrderError>>,
    ended: oneshot::Sender<RunResult>,
    /// It is refused if it has not begun by then.
    pub(super) until: Instant,
}

impl Pending {
    pub(super) fn new(order: Order) -> (Self, Ticket) {
        let (begun, told_begun) = oneshot::channel();
        let (ended, told_ended) = oneshot::channel();
        let until = Instant::now() + order.patience;
        (Self { order, begun, ended, until }, Ticket { begun: told_begun, ended: told_ended })
    }

    fn is_withdrawn(&self) -> bool {
        self.order.cancel.is_cancelled() || self.begun.is_closed()
    }

    /// Who has gone needs not be told.
    fn refuse(self, error: OrderError) {
        let _ = self.begun.send(Err(error));
    }
}

impl Controller {
    /// Begins the orders that can begin, and refuses those that cannot. The others wait.
    pub(super) fn orders(&mut self, fence: &Fence, now: Option<(&Planned, &Claims)>) {
        let mut waiting = Vec::new();
        for pending in self.mailbox.take_orders() {
            if pending.is_withdrawn() {
                continue;
            }
            let in_the_way = self.in_the_way(&pending.order.plan.plan, now.is_some());
            match (in_the_way, now) {
                (Some(why), _) if pending.until <= Instant::now() => pending.refuse(why),
                (None, Some((planned, claims))) => self.take_up(fence, pending, planned, claims),
                _ => waiting.push(pending),
            }
        }
        self.mailbox.put_back(waiting);
    }

    /// What passes by itself.
    fn in_the_way(&self, plan: &Plan, is_ready: bool) -> Option<OrderError> {
        if !is_ready {
            return Some(OrderError::Unready);
        }
        let mut objects = plan.steps.iter().map(|step| step.action.object());
        let busy = |id: &ObjectId| self.tasks.is_busy(id) && !is_on(Mutant::OrdersTheBusy);
        objects.find(busy).map(OrderError::Busy)
    }

    fn take_up(&mut self, fence: &Fence, pending: Pending, kept: &Planned, claims: &Claims) {
        match self.fits(fence, &pending.order, kept, claims) {
            Ok(planned) => self.begin_order(fence, pending, planned, &kept.desired),
            Err(error) => pending.refuse(error),
        }
    }

    /// The plan, if it may be run as things are now. What was claimed since the look is not in the
    /// `claims` of that look, and is left as it is.
    fn fits(
        &self,
        fence: &Fence,
        order: &Order,
        kept: &Planned,
        claims: &Claims,
    ) -> Result<Planned, OrderError> {
        let undone = would_be_undone(&order.plan.plan, kept);
        if let Some(object) = undone.filter(|_| !is_on(Mutant::OrdersAnything)) {
            let frozen = || kept.desired.frozen.get(&object).map(|frozen| &frozen.origin);
            let origin = kept.desired.origin(&object).or_else(frozen).cloned().unwrap_or_default();
            return Err(OrderError::Kept { object, origin });
        }
        let mut planned = self.reconciler.resume_on(order.plan.clone(), kept.observed.clone())?;
        adopting::for_the_controller(&mut planned, kept)?;
        self.reconciler.nothing_suspended(&planned)?;
        self.take_up_consent(fence, &planned.desired, &kept.desired);
        let ours = |id: &ObjectId| self.tasks.is_busy(id) || keeps(kept, id);
        let earlier = self.looked.as_ref().map(|looked| &looked.observed);
        let seen = &planned.observed;
        self.reconciler.keep_books(fence, claims, &planned, seen, earlier, &ours)?;
        Ok(planned)
    }

    /// Takes up what was acknowledged of the order's manifests. What the controller reads itself it
    /// knows better: an order may be of an earlier revision of that.
    fn take_up_consent(&self, fence: &Fence, ordered: &Desired, kept: &Desired) {
        let mut others = ordered.revisions.clone();
        others.retain(|source, _| !kept.revisions.contains_key(source));
        if !others.is_empty() && fence.check().is_ok() {
            let revision = ordered.revision.clone();
            let others = Desired { revision, revisions: others, ..Desired::default() };
            self.reconciler.take_up_requests(&others);
        }
    }

    fn begin_order(&mut self, fence: &Fence, pending: Pending, planned: Planned, kept: &Desired) {
        let Pending { order, begun, ended, .. } = pending;
        // Who has gone since then does not want it any more.
        if begun.send(Ok(())).is_err() {
            return;
        }
        let Planned { plan, desired, .. } = planned;
        let objects: BTreeSet<_> = plan.steps.iter().map(|step| step.action.object()).collect();
        // When the manifests come to want something of them, that counts from then on.
        let known = &mut self.wants;
        let want = |id: ObjectId| (id.clone(), known.of(kept, &id));
        let wants = objects.into_iter().map(want).collect();
        let (reconciler, executor) = (Arc::clone(&self.reconciler), self.executor.clone());
        let owners = Arc::new(owners_after(&plan, &desired));
        let (fence, look) = (fence.clone(), self.options.longest_look);
        let on_event = both(Arc::clone(&self.on_event), order.on_event);
        self.tasks.begin_order(plan, wants, order.cancel, ended, |plan, cancel| async move {
            let run = Run { cancel, on_event };
            reconciler.run_part(&fence, look, &executor, &plan, owners, &run).await
        });
    }
}

fn both(one: OnEvent, other: OnEvent) -> OnEvent {
    Arc::new(move |plan, event| {
        one(plan, event);
        other(plan, event);
    })
}

/// Whether the controller keeps the object as a manifest wants it. What exists and is not ours it
/// leaves alone, whatever a manifest says.
fn keeps(kept: &Planned, id: &ObjectId) -> bool {
    let Planned { desired, observed, policy, .. } = kept;
    let is_foreign = observed.exists(id) && !observed.owners.contains_key(id) && !policy.adopt;
    desired.mentions(id) && !desired.is_suspended(id) && !desired.is_elsewhere(id) && !is_foreign
}

/// An object that is kept, and that the plan would leave other than its manifest wants it.
fn would_be_undone(plan: &Plan, by: &Planned) -> Option<ObjectId> {
    let actions = || plan.steps.iter().map(|step| &step.action);
    let kept = actions().map(Action::object).filter(|id| keeps(by, id));
    let undone = |id: &ObjectId| {
        let of_object: Vec<_> = actions().filter(|action| action.object() == *id).collect();
        !ends_as_wanted(&of_object, &by.desired, id)
    };
    let mut kept: Vec<_> = kept.collect();
    kept.sort();
    kept.dedup();
    kept.into_iter().find(undone)
}

/// Whether actions only start or stop the object, and leave it as its manifest wants it: what is
/// `Manual` is started and stopped by hand, and what is to run may be restarted. A network's
/// daemon runs while somebody uses it.
fn ends_as_wanted(actions: &[&Action], desired: &Desired, id: &ObjectId) -> bool {
    let runs = |action: &&Action| {
        matches!(
            action,
            Action::StartDriver { .. }
                | Action::AwaitReady { .. }
                | Action::StopInstance { .. }
                | Action::StartNetwork { .. }
                | Action::StopNetwork { .. }
        )
    };
    if !actions.iter().all(runs) || desired.frozen.contains_key(id) {
        return false;
    }
    let instance = desired.instances.get(&id.name).filter(|_| id.kind == Kind::Instance);
    let Some(instance) = instance else { return id.kind == Kind::Network };
    let stopped = matches!(actions.last(), Some(Action::StopInstance { .. }));
    match instance.spec.spec.run_strategy {
        RunStrategy::Manual => true,
        RunStrategy::Always => !stopped,
        RunStrategy::Halted => stopped,
    }
}
