//! The loop.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use limekiln_api::mutant::{Mutant, is_on};
use limekiln_executor::{Executor, RunResult};
use limekiln_model::ObjectId;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::ahead::Look;
use super::attempts::Attempts;
use super::gone::Gone;
use super::handle::{Handle, Mailbox};
use super::run_log::RunLog;
use super::tasks::{Task, Tasks};
use super::wants::Wants;
use super::{ControllerOptions, ControllerState, Intake, Looks};
use crate::expiry::Expiry;
use crate::{Claims, HomeLock, Loaded, OnEvent, Planned, ReconcileError, Reconciler};

/// A plan, and of each object how often it was tried and whether it is stalled.
type Noted = (Arc<Planned>, Vec<(ObjectId, u32, bool)>);

/// Keeps the VMs of a home as manifests want them, until it is told to stop.
pub struct Controller {
    pub(super) reconciler: Arc<Reconciler>,
    pub(super) executor: Executor,
    pub(super) options: ControllerOptions,
    pub(super) intake: Box<dyn Intake>,
    pub(super) on_event: OnEvent,
    pub(super) loaded: Option<Loaded>,
    pub(super) tasks: Tasks,
    pub(super) attempts: Attempts,
    /// The last plan with what it was made from.
    pub(super) looked: Option<Arc<Planned>>,
    /// Since when what is gone is so.
    pub(super) gone: Gone,
    /// How long what is parked has been so.
    pub(super) expiry: Expiry,
    /// What the status file was written from.
    pub(super) noted: Option<Noted>,
    /// A plan and a ledger that need nothing more to be in step.
    pub(super) kept: Option<(Arc<Planned>, Arc<Claims>)>,
    pub(super) wants: Wants,
    pub(super) mailbox: Mailbox,
    pub(super) state: watch::Sender<ControllerState>,
    pub(super) looks: Looks,
    /// A look that was begun before it was called for.
    pub(super) ahead: Option<Look>,
    pub(super) run_log: RunLog,
    lock: Option<HomeLock>,
}

impl Controller {
    /// A controller with its sources. `on_event` takes what happens to the steps of plans.
    pub fn new(
        reconciler: Arc<Reconciler>,
        intake: Box<dyn Intake>,
        options: ControllerOptions,
        on_event: OnEvent,
    ) -> Self {
        let expiry = Expiry::open(reconciler.home());
        let state = ControllerState { since: Some(Timestamp::now()), ..ControllerState::default() };
        Self {
            executor: reconciler.executor(),
            reconciler,
            options,
            intake,
            on_event,
            loaded: None,
            tasks: Tasks::default(),
            attempts: Attempts::default(),
            looked: None,
            gone: Gone::default(),
            expiry,
            noted: None,
            kept: None,
            wants: Wants::default(),
            mailbox: Mailbox::default(),
            state: watch::Sender::new(state),
            looks: Looks::default(),
            ahead: None,
            run_log: RunLog::default(),
            lock: None,
        }
    }

    /// Takes the lock of the home before its time, for whoever must have it before others are told
    /// of this controller.
    ///
    /// # Errors
    /// If another limekiln works on the home, or the home cannot be used.
    pub fn lock(&mut self) -> Result<(), ReconcileError> {
        self.lock = Some(self.reconciler.home().lock_for_controller()?);
        Ok(())
    }

    /// What others hold of it.
    pub fn handle(&self) -> Handle {
        Handle { mailbox: self.mailbox.clone(), state: self.state.subscribe() }
    }

    /// Works until `stop` fires; then what runs comes to its next safe point, and it returns.
    ///
    /// # Errors
    /// If another limekiln works on the home, or does so later because the lock was taken away,
    /// or the home cannot be used. Nothing else ends it.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), ReconcileError> {
        let lock = match self.lock.take() {
            Some(lock) => lock,
            None => self.reconciler.home().lock_for_controller()?,
        };
        let fence = lock.fence();
        while !stop.is_cancelled() {
            let begun = Instant::now();
            if let Err(lost) = fence.check() {
                // Somebody else works here now: what runs ends at its next safe point.
                self.finish().await;
                return Err(lost.into());
            }
            // Whatever it waits for then has had no effect yet.
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = self.pass(&fence) => {}
            }
            // Looking takes at most half of the time, however often it is woken.
            let next = begun + self.options.resync;
            // But who was frozen in the middle does not rest as long.
            let spent = begun.elapsed().min(self.options.resync);
            let (pause, rest) = (Instant::now() + spent, Instant::now() + spent * 4);
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = self.sleep(next, rest) => {}
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = sleep_until(pause) => {}
            }
        }
        self.finish().await;
        drop(lock);
        Ok(())
    }

    /// Until somebody wakes it, something may be tried again, or `next`; or a part ends. As long as
    /// others run, that has time until `rest`: where thousands end one after the other, a look for
    /// each would take longer than the work.
    async fn sleep(&mut self, mut next: Instant, rest: Instant) {
        while let Some((task, result)) = self.sleep_or_end(next).await {
            self.ended(&task, &result);
            if self.tasks.is_empty() || Instant::now() >= rest {
                return;
            }
            next = next.min(rest);
        }
    }

    /// The next part that ends, unless something else comes first.
    async fn sleep_or_end(&mut self, next: Instant) -> Option<(Task, RunResult)> {
        let never = Duration::from_secs(400 * 24 * 3_600);
        let next = if is_on(Mutant::LooksOnlyWhenTold) { Instant::now() + never } else { next };
        let (mailbox, limit) = (self.mailbox.clone(), self.options.longest_look);
        let sooner = self.attempts.next().into_iter().chain(mailbox.patience());
        let next = sooner.fold(next, Instant::min);
        loop {
            tokio::select! {
                biased;
                ended = self.tasks.next() => return Some(ended),
                () = mailbox.woken() => return None,
                () = sleep_until(next) => return None,
                () = mailbox.soon() => {
                    let (look, prepare) = (self.ahead.take(), || self.prepare());
                    self.ahead = Some(Look::fresh(look, &self.reconciler, limit, prepare));
                }
                () = go_on(&mut self.ahead) => {}
            }
        }
    }

    /// Leaves everything at a safe point.
    async fn finish(&mut self) {
        self.tasks.cancel();
        let grace = self.options.grace;
        let all = async {
            while !self.tasks.is_empty() {
                let (task, result) = self.tasks.next().await;
                self.ended(&task, &result);
            }
        };
        let grace = if is_on(Mutant::EndsLate) { Duration::MAX } else { grace };
        if timeout(grace, all).await.is_err() {
            warn!("{} objects were left in mid-work; the next run goes on", self.tasks.len());
        }
        // Who still waits is told that nobody will come.
        drop(self.mailbox.take_orders());
        self.run_log.take().write(&self.reconciler.history());
    }
}

/// Looks ahead, if somebody asked for it.
async fn go_on(ahead: &mut Option<Look>) {
    match ahead {
        Some(look) => look.go_on().await,
        None => std::future::pending().await,
    }
}
