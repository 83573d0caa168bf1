//! The engine that one controller sees.

use std::future::pending;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use limekiln_engine::{ActionContext, Engine, EngineError, ErrorClass};
use limekiln_engine_sim::{Fault as Injected, FaultKind, SimEngine};
use limekiln_model::{Action, Capabilities, Observed};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::flight::Guard;
use super::{Incident, State};
use crate::story::{Armed, Fault, Trigger};

const HOUR: Duration = Duration::from_secs(3_600);

/// What all controllers of a machine share.
#[derive(Clone)]
pub struct Shared {
    pub(super) sim: Arc<SimEngine>,
    pub(super) state: Arc<Mutex<State>>,
    pub(super) thaw: Arc<Notify>,
    pub(super) seed: u64,
    /// By how many seconds the clock is wrong.
    pub(super) wrong: Arc<AtomicI64>,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn look(&self) -> Observed {
        self.sim.look()
    }
}

/// The engine of one life of a controller: what dies performs nothing more.
pub(super) struct LifeEngine {
    pub(super) shared: Shared,
    pub(super) life: u64,
}

impl LifeEngine {
    /// Comes back only while the controller lives and is not frozen.
    ///
    /// # Errors
    /// If somebody took over while it was frozen: then nobody knows what became of the call.
    async fn live(&self) -> Result<(), EngineError> {
        let mut frozen_here = false;
        loop {
            let thawed = self.shared.thaw.notified();
            let (alive, frozen) = {
                let state = self.shared.lock();
                (state.alive.contains(&self.life), state.frozen.contains(&self.life))
            };
            match (alive, frozen) {
                (false, _) => pending().await,
                (true, true) => {
                    frozen_here = true;
                    thawed.await;
                }
                (true, false) if frozen_here && self.is_replaced() => {
                    return Err(EngineError::new(ErrorClass::Unknown, "it was frozen meanwhile"));
                }
                (true, false) => return Ok(()),
            }
        }
    }

    fn is_replaced(&self) -> bool {
        self.shared.lock().replaced.contains(&self.life)
    }

    /// What the next look is to show in the place of what is.
    fn outdated(&self) -> Option<Observed> {
        let mut state = self.shared.lock();
        let which = state.outdated.take()?;
        state.older(which)
    }

    fn pace(&self, action: &Action) -> Duration {
        pace(self.shared.seed, action)
    }

    async fn die(&self) -> ! {
        self.shared.lock().die(self.life);
        pending().await
    }

    /// Performs it, so far as `how` says.
    fn act(&self, action: &Action, how: Option<FaultKind>) -> Result<(), EngineError> {
        if let Some(kind) = how {
            self.shared.sim.inject(Injected { at: self.shared.sim.performed(), kind });
        }
        let before = self.shared.look();
        let done = self.shared.sim.act(action);
        let now = self.shared.look();
        let mut state = self.shared.lock();
        let refused = done.as_ref().err().filter(|_| how.is_none());
        if let Some(error) = refused {
            state.note(&format!("{}: refused: {}", self.life, error.chain()));
        }
        state.watch.effect(action, refused, &before, &now);
        state.view(before);
        done
    }

    async fn work(&self, action: &Action, context: &ActionContext) -> Result<(), EngineError> {
        tokio::select! {
            biased;
            () = context.cancel.cancelled() => return Err(EngineError::cancelled()),
            () = sleep(self.pace(action)) => {}
        }
        self.live().await?;
        self.act(action, None)
    }

    async fn suffer(
        &self,
        armed: Armed,
        action: &Action,
        context: &ActionContext,
    ) -> Result<(), EngineError> {
        let fail = |class| Err(EngineError::new(class, format!("{:?}", armed.fault)));
        match armed.fault {
            Fault::DieBefore => self.die().await,
            Fault::DieInside | Fault::DieTwice => {
                sleep(self.pace(action) / 2).await;
                self.live().await?;
                let _ = self.act(action, Some(FaultKind::CrashInside));
                if armed.fault == Fault::DieTwice {
                    let again = Armed { fault: Fault::DieInside, after: armed.after + 2 };
                    self.shared.lock().armed.push(again);
                }
                self.die().await
            }
            Fault::DieAfter => {
                sleep(self.pace(action)).await;
                self.live().await?;
                let _ = self.act(action, None);
                self.die().await
            }
            Fault::FailTransient => fail(ErrorClass::Transient),
            Fault::FailPermanent | Fault::FailNeedsHuman => {
                let id = action.object();
                self.shared.lock().fail_for(id, armed.fault, 3 * HOUR);
                fail(class(armed.fault))
            }
            Fault::FailPrecondition => fail(ErrorClass::Precondition),
            Fault::UnknownDone => {
                sleep(self.pace(action)).await;
                self.live().await?;
                let _ = self.act(action, None);
                fail(ErrorClass::Unknown)
            }
            Fault::UnknownUndone => fail(ErrorClass::Unknown),
            Fault::Hang => {
                context.cancel.cancelled().await;
                Err(EngineError::cancelled())
            }
            Fault::HangDeaf => pending().await,
            Fault::Slow => {
                tokio::select! {
                    biased;
                    () = context.cancel.cancelled() => return Err(EngineError::cancelled()),
                    () = sleep(self.pace(action) * 100) => {}
                }
                self.work(action, context).await
            }
            Fault::Panic => panic!("an injected panic"),
            Fault::Freeze | Fault::FreezeAndReplace => {
                let incident = match armed.fault {
                    Fault::Freeze => Incident::Frozen,
                    _ => Incident::TakenForDead,
                };
                self.shared.lock().freeze(self.life, incident);
                let _ = self.live().await;
                // What it was in the middle of is over, and nobody knows how.
                fail(ErrorClass::Unknown)
            }
            _ => self.work(action, context).await,
        }
    }
}

#[async_trait]
impl Engine for LifeEngine {
    fn capabilities(&self) -> Capabilities {
        self.shared.sim.capabilities()
    }

    fn unsupported_fields(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    async fn observe(&self) -> Result<Observed, EngineError> {
        self.live().await?;
        if let Some(outdated) = self.outdated() {
            return Ok(outdated);
        }
        let due = self.shared.lock().due(Trigger::Look);
        let back = due.map_or(0, |armed| armed.after as usize * 7 + self.shared.seed as usize);
        match due.map(|armed| armed.fault) {
            Some(Fault::DieLooking) => self.die().await,
            Some(Fault::StaleLook) => {
                let stale = self.shared.lock().older(back);
                return Ok(stale.unwrap_or_else(|| self.shared.look()));
            }
            Some(Fault::HangLook) => pending().await,
            Some(Fault::FailLook) => return Err(EngineError::transient("an injected fault")),
            Some(Fault::SlowLook) => sleep(Duration::from_secs(45)).await,
            _ => {}
        }
        // A look takes its time, in which the world goes on.
        let seen = self.shared.look();
        sleep(Duration::from_millis(5)).await;
        self.live().await?;
        Ok(seen)
    }

    async fn perform(&self, action: &Action, context: &ActionContext) -> Result<(), EngineError> {
        if context.cancel.is_cancelled() {
            return Err(EngineError::cancelled());
        }
        self.live().await?;
        let _flight = Guard::begin(&self.shared, self.life, action);
        let failing = self.shared.lock().failing.clone();
        if let Some((id, fault, until)) = failing
            && id == action.object()
            && until > Instant::now()
        {
            return Err(EngineError::new(class(fault), "it goes on failing"));
        }
        let due = self.shared.lock().due(Trigger::Action);
        match due {
            Some(armed) => self.suffer(armed, action, context).await,
            None => self.work(action, context).await,
        }
    }
}

fn class(fault: Fault) -> ErrorClass {
    match fault {
        Fault::FailNeedsHuman => ErrorClass::NeedsHuman,
        _ => ErrorClass::Permanent,
    }
}

/// A plausible time for each, in some stories much shorter or longer.
fn pace(seed: u64, action: &Action) -> Duration {
    let mut rng = fastrand::Rng::with_seed(seed ^ (action.verb().len() as u64 * 7_919));
    let factor = [0.01, 1.0, 1.0, 5.0][rng.usize(..4)];
    let usual = Duration::from_millis(match action {
        Action::FetchImage { .. } | Action::FetchContainerd { .. } => 20_000,
        Action::AwaitReady { .. } => 5_000,
        Action::StopInstance { .. } => 2_000,
        _ => 100,
    });
    usual.mul_f64(factor)
}
