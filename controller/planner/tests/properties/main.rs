//! What holds for every plan, over random situations on the simulated engine.

mod allowed;
mod circles;
mod coverage;
mod dependents;
mod reached;

use limekiln_api::lima::MountType;
use limekiln_engine::Engine;
use limekiln_engine_sim::{Outcome, SimEngine};
use limekiln_model::{Observed, Plan, Policy};
use limekiln_planner::{basis_holds, checker, plan, render};
use limekiln_testkit::{Converged, Driver, Scenario};
use proptest::prelude::*;

/// What every single plan must satisfy.
fn assert_sound(scenario: &Scenario, plan: &Plan, observed: &Observed) {
    let violations = checker::check(plan, &scenario.desired, observed, scenario.policy.adopt);
    assert!(violations.is_empty(), "{violations:?}\n{}", render::tree(plan));
    allowed::check(scenario, plan, observed);
    let json = serde_json::to_string(plan).expect("plans serialise");
    assert_eq!(serde_json::from_str::<Plan>(&json).expect("and are read"), *plan);
    assert_eq!(basis_holds(plan, observed), Ok(()));
}

/// As many as the reconciler makes. The worst states are pairs of half-running VMs of which one
/// has the other's port: each is adopted, then restarted, and then nothing is left to do.
const PASSES: usize = 5;

fn engine(scenario: &Scenario) -> SimEngine {
    let engine = SimEngine::new(0).with_world(scenario.world.clone());
    engine.with_capabilities(|can| {
        can.networks = scenario.networks;
        // As well as with networks as without; only that both are tried matters.
        can.live_mounts.extend(scenario.networks.then_some(MountType::NineP));
    })
}

fn trees(converged: &Converged) -> String {
    converged.passes.iter().map(|pass| render::tree(&pass.plan) + "--\n").collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    /// From any state, within a few passes, no step refused on the way, and then nothing to do;
    /// and everything is as it is wanted, or there is a reason why not.
    #[test]
    fn it_converges(scenario in Scenario::any()) {
        let engine = engine(&scenario);
        let mut driver = Driver::in_scenario(&engine, plan, &scenario);
        let sound = |plan: &Plan, observed: &Observed| assert_sound(&scenario, plan, observed);
        let converged = driver.converge(&scenario.desired, &scenario.policy, PASSES, sound);
        for pass in &converged.passes {
            prop_assert!(pass.failed.is_empty(), "{:?} in\n{}", pass.failed, render::tree(&pass.plan));
        }
        prop_assert!(converged.settled(), "{}", trees(&converged));
        prop_assert!(engine.log().iter().all(|entry| entry.outcome == Outcome::Done));
        reached::check(&scenario, &converged);
    }

    /// Whatever nobody owns stays exactly as it is.
    #[test]
    fn strangers_are_left_alone(scenario in Scenario::any()) {
        let engine = engine(&scenario);
        let mut driver = Driver::in_scenario(&engine, plan, &scenario);
        driver.ledger = Default::default();
        let policy = Policy { prune: true, prune_all: true, ..Policy::default() };
        driver.converge(&scenario.desired, &policy, PASSES, |_, _| {});
        let (world, now) = (&scenario.world, engine.look());
        for (name, was) in &world.observed.instances {
            prop_assert_eq!(now.instances.get(name), Some(was));
        }
        for (name, was) in &world.observed.networks {
            // Its daemon is run for who uses it, and its definition is not touched.
            prop_assert_eq!(now.networks.get(name).map(|now| &now.spec), Some(&was.spec));
        }
        for (name, was) in &world.observed.disks {
            prop_assert_eq!(now.disks.get(name).map(|disk| disk.size), Some(was.size));
        }
    }

    /// Members of a circle are stopped, and nobody else is.
    #[test]
    fn a_circle_stops_only_its_members(scenario in Scenario::any()) {
        let engine = engine(&scenario);
        let observed = Driver::in_scenario(&engine, plan, &scenario).look();
        let make = |desired| plan(desired, &observed, &engine.capabilities(), &scenario.policy);
        let (before, reported) = make(&scenario.desired);
        let (after, report) = make(&circles::added_to(&scenario.desired));
        prop_assert_eq!(after, before);
        circles::check(&report, &reported);
    }

    /// The same inputs give the same plan.
    #[test]
    fn plans_are_reproducible(scenario in Scenario::any()) {
        let engine = engine(&scenario);
        let observed = Driver::in_scenario(&engine, plan, &scenario).look();
        let make = || plan(&scenario.desired, &observed, &engine.capabilities(), &scenario.policy);
        prop_assert_eq!(make(), make());
    }
}
