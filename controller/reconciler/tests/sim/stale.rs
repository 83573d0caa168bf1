//! Old knowledge destroys nothing.

use std::sync::Arc;

use limekiln_engine_sim::SimEngine;
use limekiln_model::{Action, Desired, Kind, NetworkPhase, ObjectId, Policy};
use limekiln_reconciler::{Claim, Ledger, Planned, ReconcileError, Run};
use limekiln_testkit::Scenario;
use proptest::prelude::*;

use crate::fixture::Fixture;

/// A host on which all that exists is ours, and a plan that deletes all of it.
async fn about_to_delete_everything(scenario: &Scenario) -> (Fixture, Planned) {
    let fixture = Fixture::with(SimEngine::new(0).with_world(scenario.world.clone()));
    fixture.reconciler.home().prepare().expect("home");
    let ledger = Ledger::new(fixture.reconciler.home());
    for (id, owner) in limekiln_testkit::Ledger::of_all(&scenario.world.observed).owners {
        let claim = Claim { id, owner, applied: None, applying: None, restarting: false };
        ledger.put(&claim).expect("claim");
    }
    let planned = fixture.reconciler.plan(nothing(), everything()).await.expect("plan");
    (fixture, planned)
}

/// The tests' source, read whole and empty.
fn nothing() -> Desired {
    limekiln_testkit::desired([])
}

fn everything() -> Policy {
    Policy { prune: true, prune_all: true, ..Policy::default() }
}

fn doomed(planned: &Planned) -> Vec<ObjectId> {
    let steps = planned.plan.steps.iter().filter(|step| step.action.is_destructive());
    steps.map(|step| step.action.object()).collect()
}

/// Somebody protects the instance, attaches the disk to a VM, starts the network's daemon.
fn somebody_needs(engine: &SimEngine, id: &ObjectId) {
    engine.outside(|world| match id.kind {
        Kind::Instance => {
            world.observed.instance_mut(&id.name).expect("there").protected = true;
        }
        Kind::Disk => {
            let stranger = limekiln_testkit::name("stranger");
            world.observed.disks.get_mut(&id.name).expect("there").in_use_by = Some(stranger);
        }
        Kind::Network => {
            world.observed.networks.get_mut(&id.name).expect("there").phase = NetworkPhase::Running;
        }
    });
}

fn parked(engine: &SimEngine, id: &ObjectId) -> bool {
    engine.look().parked.iter().any(|parked| parked.id == *id)
}

/// Runs one test in a runtime of its own.
fn block_on<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("runtime").block_on(test)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 60, ..ProptestConfig::default() })]

    /// The plan is old, the look before it runs is not: nothing at all is done.
    #[test]
    fn a_plan_from_an_older_snapshot_is_refused(scenario in Scenario::any()) {
        block_on(async {
            let (fixture, planned) = about_to_delete_everything(&scenario).await;
            let (engine, old) = (Arc::clone(&fixture.engine), fixture.engine.look());
            // A disk or network of a VM that stops first is let go of, so only what rests is sure
            // to differ.
            for id in doomed(&planned).into_iter().filter(|id| id.kind == Kind::Instance) {
                somebody_needs(&engine, &id);
                engine.serve_stale(old.clone());
                let stale = fixture.reconciler.plan(nothing(), everything()).await.expect("plan");
                assert!(doomed(&stale).contains(&id), "the plan is made on old knowledge");
                let refused = fixture.reconciler.execute(&stale, &Run::silent()).await;
                assert!(matches!(refused, Err(ReconcileError::Moved(_))), "{refused:?}");
                assert!(engine.log().is_empty(), "{:?}", engine.log());
            }
        });
    }

    /// The look before the run is old as well: the engine's own precondition stands in the way of
    /// each destructive action.
    #[test]
    fn an_older_snapshot_before_a_destructive_action_destroys_nothing(scenario in Scenario::any()) {
        block_on(async {
            let count = doomed(&about_to_delete_everything(&scenario).await.1).len();
            for number in 0..count {
                let (fixture, planned) = about_to_delete_everything(&scenario).await;
                let id = doomed(&planned)[number].clone();
                let stops = planned.plan.steps.iter().any(|step| {
                    matches!(step.action, Action::StopNetwork { .. }) && step.action.object() == id
                });
                if stops {
                    // Its daemon is stopped by this plan, whoever started it.
                    continue;
                }
                let engine = &fixture.engine;
                engine.serve_stale(engine.look());
                somebody_needs(engine, &id);
                let run = fixture.reconciler.execute(&planned, &Run::silent()).await;
                let outcome = run.expect("the stale look matches the plan");
                assert!(engine.look().exists(&id) && !parked(engine, &id), "{id} is lost");
                assert!(outcome.result.look_again, "{:?}", outcome.result);
                let claims = fixture.reconciler.claims().expect("ledger");
                assert!(claims.by_id.contains_key(&id), "{id} is still ours");
            }
        });
    }
}
