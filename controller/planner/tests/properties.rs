//! What holds for every plan, over random desired and observed states.

use limekiln_engine::Engine;
use limekiln_engine_sim::{Outcome, SimEngine};
use limekiln_model::{Observed, Plan, Policy};
use limekiln_planner::{basis_holds, checker, plan, render};
use limekiln_testkit::{Converged, Driver, random};
use proptest::prelude::*;

fn assert_sound(plan: &Plan, observed: &Observed) {
    let violations = checker::check(plan, observed, false);
    assert!(violations.is_empty(), "{violations:?}\n{}", render::tree(plan));
    let json = serde_json::to_string(plan).expect("plans serialise");
    assert_eq!(serde_json::from_str::<Plan>(&json).expect("and are read"), *plan);
    assert_eq!(basis_holds(plan, observed), Ok(()));
}

/// As many as the reconciler makes. The worst states are pairs of half-running VMs of which one
/// has the other's port: each is adopted, then restarted, and then nothing is left to do.
const PASSES: usize = 5;

fn trees(converged: &Converged) -> String {
    converged.passes.iter().map(|pass| render::tree(&pass.plan) + "--\n").collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    /// From any state, within a few passes, no step refused on the way, and then nothing to do.
    #[test]
    fn it_converges(desired in random::desired(), world in random::world(), policy in random::policy()) {
        let engine = SimEngine::new(0).with_world(world);
        let mut driver = Driver::owning_all(&engine, plan);
        let converged = driver.converge(&desired, &policy, PASSES, assert_sound);
        for pass in &converged.passes {
            prop_assert!(pass.failed.is_empty(), "{:?} in\n{}", pass.failed, render::tree(&pass.plan));
        }
        prop_assert!(converged.settled(), "{}", trees(&converged));
        prop_assert!(engine.log().iter().all(|entry| entry.outcome == Outcome::Done));
    }

    /// Whatever nobody owns stays exactly as it is.
    #[test]
    fn strangers_are_left_alone(desired in random::desired(), world in random::world()) {
        let engine = SimEngine::new(0).with_world(world.clone());
        let mut driver = Driver { engine: &engine, planner: plan, ledger: Default::default() };
        let policy = Policy { prune: true, prune_all: true, ..Policy::default() };
        driver.converge(&desired, &policy, PASSES, assert_sound);
        let now = engine.look();
        for (name, was) in &world.observed.instances {
            prop_assert_eq!(now.instances.get(name), Some(was));
        }
        for (name, was) in &world.observed.networks {
            prop_assert_eq!(now.networks.get(name), Some(was));
        }
        for (name, was) in &world.observed.disks {
            prop_assert_eq!(now.disks.get(name).map(|disk| disk.size), Some(was.size));
        }
    }

    /// The same inputs give the same plan.
    #[test]
    fn plans_are_reproducible(desired in random::desired(), world in random::world()) {
        let engine = SimEngine::new(0).with_world(world);
        let observed = Driver::owning_all(&engine, plan).look();
        let make = || plan(&desired, &observed, &engine.capabilities(), &Policy::default());
        prop_assert_eq!(make(), make());
    }
}
