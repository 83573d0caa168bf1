//! Situations that are too rare to wait for: chains in which everything restarts at once.

use limekiln_api::{Dependency, DependencyCondition, NetworkSpec};
use limekiln_engine::Engine;
use limekiln_engine_sim::{SimEngine, World};
use limekiln_model::{
    Action, InstancePhase, Kind, NetworkPhase, ObjectId, ObservedNetwork, Plan, Policy, StepId,
    WaitReason,
};
use limekiln_planner::{checker, plan};
use limekiln_testkit::{Driver, desired, instance, name, observed_instance, wanted};

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
        world.observed.instances.insert(name.clone(), ready.into());
        manifests.instances.insert(name, wanted.into());
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

#[test]
fn a_network_is_not_changed_under_a_vm_that_could_not_come_back() {
    let gateway = |text: &str| NetworkSpec { gateway: text.parse().ok(), ..NetworkSpec::default() };
    let on_lan = |memory: u32| format!("memory: {memory}GiB\nnetworks: [{{lima: lan}}]");
    let mut world = World::default();
    let ready = observed_instance("web", &on_lan(1), InstancePhase::Ready);
    world.observed.instances.insert(name("web"), ready.into());
    let lan = ObservedNetwork {
        spec: gateway("192.168.104.1"),
        phase: NetworkPhase::Running,
        foreign: false,
        unreadable: None,
    };
    world.observed.networks.insert(name("lan"), lan);
    // More memory than the host has.
    let mut manifests = desired([instance("web", &on_lan(1000), |_| {})]);
    manifests.networks.insert(name("lan"), wanted(gateway("192.168.105.1")));
    let engine = SimEngine::new(0).with_world(world);
    let observed = Driver::owning_all(&engine, plan).look();
    let (plan, report) = plan(&manifests, &observed, &engine.capabilities(), &Policy::default());
    assert_eq!(checker::check(&plan, &manifests, &observed, false), []);
    let stops = plan.steps.iter().any(|step| step.action.verb() == "stop");
    assert!(!stops, "{:?}", plan.steps);
    let reason = &report.waiting[&ObjectId::network(&name("lan"))][0].reason;
    assert!(matches!(reason, WaitReason::RestartRequired { .. }), "{reason:?}");
}
