//! Random desired and observed states.
//!
//! Names, ports and sizes come from small sets, so that collisions happen.

use limekiln_api::{
    ByteSize, DeletionPolicy, Dependency, DependencyCondition, DiskFormat, DiskSpec, Disruption,
    InstanceSpec, NetworkMode, NetworkSpec, RunStrategy,
};
use limekiln_engine_sim::World;
use limekiln_model::{
    Desired, DesiredInstance, Elsewhere, Frozen, InstancePhase, Kind, Name, NetworkPhase, ObjectId,
    ObservedDisk, ObservedNetwork, Policy, Wanted,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use crate::{build, name};

const INSTANCES: [&str; 5] = ["a", "b", "c", "d", "e"];
const DISKS: [&str; 3] = ["data", "logs", "swap"];
const NETWORKS: [&str; 2] = ["lan", "dmz"];

fn among(names: &'static [&'static str]) -> impl Strategy<Value = Name> {
    prop::sample::select(names).prop_map(name)
}

/// Lima's YAML with a few fields that cost differently to change.
pub fn yaml() -> impl Strategy<Value = String> {
    let machine = (1u32..4, 1u32..4, 1u32..4, option::weighted(0.3, 2200u16..2203));
    let parts = (
        option::weighted(0.4, prop::sample::select(&DISKS[..])),
        option::weighted(0.4, prop::sample::select(&NETWORKS[..])),
        option::weighted(0.2, Just("~/src")),
        option::weighted(0.2, Just("hello")),
        option::weighted(0.2, 8080u16..8082),
        prop::sample::select(&["x86_64", "x86_64", "x86_64", "aarch64"][..]),
    );
    (machine, parts).prop_map(
        |((cpus, memory, disk, port), (data, lan, mount, message, forward, arch))| {
            let mut yaml =
                format!("cpus: {cpus}\nmemory: {memory}GiB\ndisk: {disk}0GiB\narch: {arch}\n");
            yaml += &port.map(|port| format!("ssh: {{localPort: {port}}}\n")).unwrap_or_default();
            yaml += &data.map(|disk| format!("additionalDisks: [{disk}]\n")).unwrap_or_default();
            yaml += &lan.map(|lan| format!("networks: [{{lima: {lan}}}]\n")).unwrap_or_default();
            yaml += &mount.map(|at| format!("mounts: [{{location: {at}}}]\n")).unwrap_or_default();
            yaml += &forward
                .map(|port| format!("portForwards: [{{guestPort: 80, hostPort: {port}}}]\n"))
                .unwrap_or_default();
            yaml += &message.map(|text| format!("message: {text}\n")).unwrap_or_default();
            yaml
        },
    )
}

fn dependencies() -> impl Strategy<Value = Vec<Dependency>> {
    let condition =
        prop_oneof![Just(DependencyCondition::Ready), Just(DependencyCondition::Running)];
    let dependency = (among(&INSTANCES), condition).prop_map(|(name, condition)| Dependency {
        kind: Kind::Instance,
        name,
        condition,
    });
    prop_oneof![4 => Just(Vec::new()), 2 => vec(dependency, 1..3)]
}

fn instance() -> impl Strategy<Value = (String, InstanceSpec)> {
    let run = prop_oneof![
        4 => Just(RunStrategy::Always), 1 => Just(RunStrategy::Manual), 1 => Just(RunStrategy::Halted)
    ];
    let disruption =
        prop_oneof![Just(Disruption::Live), Just(Disruption::Restart), Just(Disruption::Recreate)];
    let deletion = prop_oneof![Just(DeletionPolicy::Delete), Just(DeletionPolicy::Retain)];
    let all = (yaml(), run, disruption, deletion, dependencies(), prop::bool::weighted(0.1));
    all.prop_map(|(yaml, run_strategy, max_disruption, deletion_policy, depends_on, suspend)| {
        let spec = InstanceSpec {
            run_strategy,
            max_disruption,
            deletion_policy,
            depends_on,
            suspend,
            ..InstanceSpec::new(build::template(""))
        };
        (yaml, spec)
    })
}

fn network() -> impl Strategy<Value = NetworkSpec> {
    let gateway = prop::sample::select(&["192.168.104.1", "192.168.105.1"][..]);
    let hosts = prop::sample::select(&[None, None, Some("10.9.0.1"), Some("10.9.0.2")][..]);
    let mtu = prop_oneof![9 => Just(None), 1 => Just(Some(9000))];
    (gateway, mtu, hosts).prop_map(|(gateway, mtu, host)| NetworkSpec {
        mode: NetworkMode::UserV2,
        gateway: gateway.parse().ok(),
        mtu,
        hosts: host.map(|host| ("db.test".to_owned(), host.to_owned())).into_iter().collect(),
        ..NetworkSpec::default()
    })
}

fn disk() -> impl Strategy<Value = DiskSpec> {
    let format = prop_oneof![9 => Just(DiskFormat::Qcow2), 1 => Just(DiskFormat::Raw)];
    let deletion = prop_oneof![Just(DeletionPolicy::Delete), Just(DeletionPolicy::Retain)];
    (1u64..4, format, deletion).prop_map(|(size, format, deletion_policy)| DiskSpec {
        size: ByteSize::gib(size),
        format,
        deletion_policy,
    })
}

/// Up to five instances, three disks and two networks, some of which depend on each other, and
/// some of which cannot be read or belong on another host.
pub fn desired() -> impl Strategy<Value = Desired> {
    let aside = vec((among(&INSTANCES), prop::bool::ANY), 0..2);
    (valid(), prop_oneof![3 => Just(Vec::new()), 1 => aside]).prop_map(|(mut desired, aside)| {
        for (name, frozen) in aside {
            let Some(wanted) = desired.instances.remove(&name) else { continue };
            let origin = wanted.origin.clone();
            if frozen {
                let frozen = Frozen { why: "a field is wrong".to_owned(), origin };
                desired.frozen.insert(ObjectId::instance(&name), frozen);
            } else {
                desired.elsewhere.insert(name, Elsewhere { label: "os".to_owned(), origin });
            }
        }
        desired
    })
}

fn valid() -> impl Strategy<Value = Desired> {
    let instances = btree_map(among(&INSTANCES), instance(), 0..6);
    let disks = btree_map(among(&DISKS), disk(), 0..4);
    let networks = btree_map(among(&NETWORKS), network(), 0..3);
    (instances, disks, networks).prop_map(|(instances, disks, networks)| {
        let instances =
            instances.into_iter().map(|(name, (yaml, spec))| wanted(&name, &yaml, spec));
        Desired {
            disks: disks.into_iter().map(|(name, spec)| (name, build::wanted(spec))).collect(),
            networks: networks
                .into_iter()
                .map(|(name, spec)| (name, build::wanted(spec)))
                .collect(),
            ..build::desired(instances)
        }
    })
}

fn wanted(of: &Name, yaml: &str, spec: InstanceSpec) -> (Name, Wanted<DesiredInstance>) {
    build::instance(of.as_str(), yaml, |made| {
        let template = made.template.clone();
        *made = InstanceSpec { template, ..spec };
    })
}

/// A world that engines can get into: running instances hold what they use.
pub fn world() -> impl Strategy<Value = World> {
    let phase = prop_oneof![
        3 => Just(InstancePhase::Stopped),
        3 => Just(InstancePhase::Ready),
        1 => Just(InstancePhase::Booting),
        1 => Just(InstancePhase::Stopping),
        1 => Just(InstancePhase::Creating),
        1 => Just(InstancePhase::Broken { why: "its host agent is gone".to_owned() }),
        1 => Just(InstancePhase::Degraded { errors: vec!["a probe failed".to_owned()] }),
    ];
    let instance = (yaml(), phase, prop::bool::weighted(0.1), prop::bool::weighted(0.05));
    let instances = btree_map(among(&INSTANCES), instance, 0..6);
    let disks = btree_map(among(&DISKS), disk(), 0..4);
    let networks = btree_map(among(&NETWORKS), network(), 0..3);
    (instances, disks, networks).prop_map(|(instances, disks, networks)| {
        let mut world = World::default();
        for (name, spec) in disks {
            let disk = ObservedDisk { size: spec.size.0, format: spec.format, in_use_by: None };
            world.observed.disks.insert(name, disk);
        }
        for (name, spec) in networks {
            let network = ObservedNetwork {
                spec,
                phase: NetworkPhase::Stopped,
                foreign: false,
                unreadable: None,
            };
            world.observed.networks.insert(name, network);
        }
        for (name, (yaml, phase, protected, unreadable)) in instances {
            settle(&mut world, &name, &yaml, phase, protected);
            if let Some(instance) = world.observed.instance_mut(&name)
                && unreadable
                && instance.phase == InstancePhase::Stopped
            {
                instance.config = None;
            }
        }
        world
    })
}

/// Adds an instance, with what it uses; one that cannot run next to the others is stopped.
fn settle(world: &mut World, name: &Name, yaml: &str, phase: InstancePhase, protected: bool) {
    let alive = !matches!(phase, InstancePhase::Stopped | InstancePhase::Creating);
    let mut instance = build::observed_instance(name.as_str(), yaml, phase);
    instance.protected = protected;
    let Some(config) = instance.config.clone() else { return };
    let port = config.ssh.as_ref().and_then(|ssh| ssh.local_port);
    let port = port.and_then(|port| u16::try_from(port.0).ok()).filter(|port| *port != 0);
    let disks: Vec<_> = config.additional_disks.iter().flatten().collect();
    let networks: Vec<_> =
        config.networks.iter().flatten().filter_map(|network| network.lima.as_deref()).collect();
    let port_taken =
        world.observed.instances.values().any(|other| port.is_some() && other.ssh_port == port);
    let disks_free = disks.iter().all(|disk| {
        let there = world.observed.disks.get(disk.name.as_str());
        there.is_some_and(|disk| disk.in_use_by.is_none())
    });
    let networks_exist = networks.iter().all(|lan| world.observed.networks.contains_key(*lan));
    if instance.phase == InstancePhase::Creating {
        (instance.config, instance.disk_bytes) = (None, None);
    } else if alive && disks_free && networks_exist && !port_taken {
        instance.booted = Some(config.clone());
        let unused = 61_000 + u16::try_from(world.observed.instances.len()).unwrap_or_default();
        instance.ssh_port = port.or(Some(unused));
        for disk in &disks {
            if let Some(disk) = world.observed.disks.get_mut(disk.name.as_str()) {
                disk.in_use_by = Some(name.clone());
            }
        }
        for lan in &networks {
            if let Some(network) = world.observed.networks.get_mut(*lan) {
                network.phase = NetworkPhase::Running;
            }
        }
    } else {
        instance.phase = InstancePhase::Stopped;
        (instance.booted, instance.ssh_port) = (None, None);
    }
    world.observed.instances.insert(name.clone(), instance.into());
}

/// What may be allowed.
pub fn policy() -> impl Strategy<Value = Policy> {
    let disruption = option::of(prop_oneof![
        Just(Disruption::Live),
        Just(Disruption::Restart),
        Just(Disruption::Recreate)
    ]);
    let budget = option::weighted(0.3, 0usize..4);
    let source = || "/manifests".to_owned();
    let budgets =
        budget.prop_map(move |most| most.map(|most| (source(), most)).into_iter().collect());
    let of = prop::bool::weighted(0.2).prop_map(move |all| all.then(source).into_iter().collect());
    let all = (any::<bool>(), budgets, any::<bool>(), of, disruption, any::<bool>());
    all.prop_map(|(prune, prune_budgets, prune_all, prune_all_of, max_disruption, adopt)| Policy {
        prune,
        prune_later: false,
        prune_waits: Default::default(),
        prune_budgets,
        prune_all,
        prune_all_of,
        max_disruption,
        adopt,
        snapshot_first: None,
    })
}
