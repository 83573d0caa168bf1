//! Looks, plans and performs until nothing is left to do, on the simulated engine.

use std::collections::{BTreeMap, BTreeSet};

use limekiln_api::HostFacts;
use limekiln_engine::{Engine, EngineError, ErrorClass};
use limekiln_engine_sim::SimEngine;
use limekiln_model::{Capabilities, Desired, Host, ObjectId, Observed, Plan, Policy, Report};

use crate::{Ledger, Scenario};

/// One pass: what was seen, planned and done.
#[derive(Debug)]
pub struct Pass {
    /// What was seen.
    pub observed: Observed,
    /// What was planned.
    pub plan: Plan,
    /// What waits.
    pub report: Report,
    /// Steps that failed, by number, with their class and error.
    pub failed: BTreeMap<usize, (ErrorClass, String)>,
}

/// What came of it.
#[derive(Debug)]
pub struct Converged {
    /// Every pass; the last one's plan is empty if it converged.
    pub passes: Vec<Pass>,
}

impl Converged {
    /// Whether the last plan is empty.
    pub fn settled(&self) -> bool {
        self.passes.last().is_some_and(|pass| pass.plan.is_empty())
    }

    /// What waits in the end.
    pub fn waiting(&self) -> BTreeSet<ObjectId> {
        let last = self.passes.last();
        last.map(|pass| pass.report.waiting.keys().cloned().collect()).unwrap_or_default()
    }

    /// What the last pass saw.
    pub fn end(&self) -> Option<&Observed> {
        self.passes.last().map(|pass| &pass.observed)
    }
}

/// Makes a plan: the planner, which this crate does not know.
pub type Planner = fn(&Desired, &Observed, &Capabilities, &Policy) -> (Plan, Report);

/// A controller without a runtime: steps run one after another, in the plan's order.
pub struct Driver<'a> {
    /// The engine.
    pub engine: &'a SimEngine,
    /// Makes the plans.
    pub planner: Planner,
    /// Who owns what.
    pub ledger: Ledger,
    /// The host.
    pub host: Host,
}

impl<'a> Driver<'a> {
    /// A driver that owns everything that exists.
    pub fn owning_all(engine: &'a SimEngine, planner: Planner) -> Self {
        let facts = HostFacts { memory: 64 << 30, ..HostFacts::example() };
        let host = Host { facts, taken_ports: BTreeSet::new(), interfaces: Vec::new() };
        Self { engine, planner, ledger: Ledger::of_all(&engine.look()), host }
    }

    /// A driver in a situation.
    pub fn in_scenario(engine: &'a SimEngine, planner: Planner, scenario: &Scenario) -> Self {
        let ledger = Ledger::with(scenario.owners());
        Self { engine, planner, ledger, host: scenario.host.clone() }
    }

    /// What the planner is shown: the engine's view, with owners and host.
    pub fn look(&self) -> Observed {
        let mut observed = self.engine.look();
        observed.owners = self.ledger.owners.clone().into();
        observed.host = Some(self.host.clone());
        observed
    }

    /// Passes until a plan is empty, at most so many. `inspect` sees every pass before it runs.
    pub fn converge(
        &mut self,
        desired: &Desired,
        policy: &Policy,
        max_passes: usize,
        inspect: impl Fn(&Plan, &Observed),
    ) -> Converged {
        let mut passes = Vec::new();
        while passes.len() < max_passes {
            let observed = self.look();
            let capabilities = self.engine.capabilities();
            let (plan, report) = (self.planner)(desired, &observed, &capabilities, policy);
            inspect(&plan, &observed);
            let done = plan.is_empty();
            if policy.adopt {
                self.ledger.adopt(desired, &observed);
            }
            let failed = self.run(&plan, desired);
            passes.push(Pass { observed, plan, report, failed });
            if done {
                break;
            }
        }
        Converged { passes }
    }

    /// Performs the steps in order. What waits for a failed step is left out; a crash ends all.
    pub fn run(&mut self, plan: &Plan, desired: &Desired) -> BTreeMap<usize, (ErrorClass, String)> {
        let mut failed = BTreeMap::new();
        let mut lost = BTreeSet::new();
        for (number, step) in plan.iter() {
            if step.after.iter().any(|before| lost.contains(before)) {
                lost.insert(number);
                continue;
            }
            self.ledger.before(&step.action, desired);
            match self.engine.act(&step.action) {
                Ok(()) => self.ledger.after(&step.action),
                Err(EngineError { class, message, .. }) => {
                    lost.insert(number);
                    failed.insert(number.0, (class, message));
                    if class == ErrorClass::Unknown {
                        break;
                    }
                }
            }
        }
        failed
    }
}
