//! Situations that are too rare to wait for: chains in which everything restarts at once.

use limekiln_api::{Dependency, DependencyCondition};
use limekiln_engine::Engine;
use limekiln_engine_sim::{SimEngine, World};
use limekiln_model::{Action, InstancePhase, Kind, Plan, Policy, StepId};
use limekiln_planner::{checker, plan};
use limekiln_testkit::{Driver, desired, instance, name, observed_instance};

const CHAIN: [&str; 3] = ["db", "app", "web"];

fn position(plan: &Plan, like: impl Fn(&Action) -> bool) -> StepId {
    plan.iter().find(|(_, step)| like(&step.action)).map(|(number, _)| number).expect("planned")
}

#[test]
fn a_chain_stops_from_its_end_and_starts_from_its_beginning() {
    let mut world = World::default();
    let mut manifests = desired([]);
    for (index, of) in CHAIN.iter().enumerate() {
        let (name, wanted) = instance(of, "cpus: 2", |spec| {
            let before = CHAIN[..index].last();
            spec.depends_on.extend(before.map(|on| Dependency {
                kind: Kind::Instance,
                name: name(on),
                condition: DependencyCondition::Ready,
            }));
        });
        let mut ready = observed_instance(of, "cpus: 1", InstancePhase::Ready);
        ready.ssh_port = u16::try_from(60_000 + index).ok();
        world.observed.instances.insert(name.clone(), ready);
        manifests.instances.insert(name, wanted);
    }
    let engine = SimEngine::new(0).with_world(world);
    let observed = Driver::owning_all(&engine, plan).look();
    let (plan, report) = plan(&manifests, &observed, &engine.capabilities(), &Policy::default());
    assert!(report.is_empty(), "{report:?}");
    assert_eq!(checker::check(&plan, &manifests, &observed, false), []);

    let stop = |of: &str| {
        position(
            &plan,
            |action| matches!(action, Action::StopInstance { instance, .. } if instance.as_str() == of),
        )
    };
    let ready = |of: &str| {
        position(
            &plan,
            |action| matches!(action, Action::AwaitReady { instance } if instance.as_str() == of),
        )
    };
    let start = |of: &str| {
        position(
            &plan,
            |action| matches!(action, Action::StartDriver { instance } if instance.as_str() == of),
        )
    };
    for pair in CHAIN.windows(2) {
        let [first, then] = pair else { continue };
        assert!(
            plan.steps[stop(first).0].after.contains(&stop(then)),
            "{then} stops before {first}"
        );
        assert!(plan.steps[start(then).0].after.contains(&ready(first)), "{first} is ready first");
    }
}
