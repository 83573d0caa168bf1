//! Somebody who orders something of the controller, and does not give up.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use limekiln_engine::{ActionContext, Engine, EngineError};
use limekiln_engine_sim::SimEngine;
use limekiln_model::{Action, Capabilities, Desired, Observed, Policy, StopMode};
use limekiln_reconciler::{
    Handle, Home, Input, Order, OrderError, Planned, ReadOptions, ReconcileError, Reconciler,
    RunVerb, Templates, Ticket,
};
use limekiln_sources::templates::{TemplateSettings, TemplateStore};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::host::Machine;
use crate::story::{Described, Ordered, Verb};

/// So often it is tried; the waits between tries grow to a quarter of an hour.
const TRIES: u32 = 60;
const LONGEST: Duration = Duration::from_secs(900);

/// How the order ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Served {
    /// Nothing is left of it to do.
    Done,
    /// It was refused, since the manifests want it otherwise.
    Refused,
    /// It never came to an end.
    GaveUp(String),
}

/// The controller that is there now, if one is.
#[derive(Clone, Default)]
pub(super) struct Counter(Arc<Mutex<Option<Handle>>>);

impl Counter {
    pub(super) fn set(&self, handle: Option<Handle>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = handle;
    }

    fn order(&self, order: Order) -> Result<Ticket, String> {
        let handle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let handle = handle.as_ref().ok_or("nobody was there")?;
        handle.order(order).map_err(|error| error.to_string())
    }
}

/// Plans by himself, as every command does.
pub(super) struct Client {
    reconciler: Reconciler,
    templates: TemplateStore,
    counter: Counter,
    ordered: Ordered,
}

impl Client {
    pub(super) fn new(machine: &Machine, counter: &Counter, ordered: Ordered) -> Self {
        let facts = machine.facts();
        let engine = Arc::new(Onlooker(machine.sim()));
        let templates = TemplateStore::new(TemplateSettings::new(&facts));
        let reconciler = Reconciler::new(engine, Home::new(&facts.lima_home), facts);
        Self { reconciler, templates, counter: counter.clone(), ordered }
    }

    /// What would be done now.
    pub(super) async fn plan(&self) -> Result<Planned, ReconcileError> {
        let name = self.ordered.name();
        match self.ordered.verb {
            Verb::Start => self.reconciler.plan_run(&[name], RunVerb::Start).await,
            Verb::Stop => {
                let stop = RunVerb::Stop(StopMode::Graceful);
                self.reconciler.plan_run(&[name], stop).await
            }
            Verb::Delete => self.reconciler.plan_delete(&[self.ordered.id()], false).await,
            Verb::Apply => self.reconciler.plan(self.desired()?, Policy::default()).await,
        }
    }

    /// What the manifest says that is to be applied.
    fn desired(&self) -> Result<Desired, ReconcileError> {
        let manifests = self.ordered.manifest().into_iter().map(Described::Instance);
        let text: String = manifests.map(|manifest| manifest.yaml()).collect();
        let inputs = [Input::Stdin(text.into_bytes())];
        let templates = Templates { fetch: &self.templates, lock: None };
        Ok(self.reconciler.load(&inputs, &ReadOptions::default(), templates)?.desired)
    }

    /// Orders it until it is done or refused.
    pub(super) async fn persist(self) -> Served {
        let mut last = "nobody was there".to_owned();
        let mut wait = Duration::from_secs(5);
        for _ in 0..TRIES {
            match self.attempt().await {
                Ok(Some(served)) => return served,
                Ok(None) => {}
                Err(why) => last = why,
            }
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST);
        }
        Served::GaveUp(last)
    }

    /// One try; `None` if it was carried out, and it is to be looked at what is left.
    async fn attempt(&self) -> Result<Option<Served>, String> {
        let planned = self.plan().await.map_err(|error| error.chain())?;
        if planned.plan.is_empty() {
            return Ok(Some(Served::Done));
        }
        let order = Order {
            plan: self.reconciler.save(&planned),
            cancel: CancellationToken::new(),
            on_event: Arc::new(|_: &_, _: &_| {}),
            patience: Duration::from_secs(10),
        };
        // Who held on to the controller would keep his own order from being dropped with it.
        let ticket = self.counter.order(order)?;
        match ticket.begun.await {
            Ok(Ok(())) => {}
            Ok(Err(OrderError::Kept { .. })) => return Ok(Some(Served::Refused)),
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err("the controller ended".to_owned()),
        }
        match ticket.ended.await {
            Ok(result) if result.is_done() => Ok(None),
            Ok(result) => Err(format!("{:?}", result.outcomes)),
            Err(_) => Err("the controller ended in the middle".to_owned()),
        }
    }
}

/// Looks at the machine, and does nothing.
struct Onlooker(Arc<SimEngine>);

#[async_trait]
impl Engine for Onlooker {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn unsupported_fields(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    async fn observe(&self) -> Result<Observed, EngineError> {
        Ok(self.0.look())
    }

    async fn perform(&self, _: &Action, _: &ActionContext) -> Result<(), EngineError> {
        Err(EngineError::transient("only the controller acts"))
    }
}
