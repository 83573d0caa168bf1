//! A random situation, whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use limekiln_api::{DeletionPolicy, HostFacts, Lima};
use limekiln_engine_sim::World;
use limekiln_model::{Desired, Host, ObjectId, Owner, Policy};
use proptest::prelude::*;

use crate::random;

/// What exists, what is wanted, what is allowed, and what is not ours.
#[derive(Clone, PartialEq)]
pub struct Scenario {
    /// What exists.
    pub world: World,
    /// What is wanted.
    pub desired: Desired,
    /// What is allowed.
    pub policy: Policy,
    /// What exists and is somebody else's.
    pub strangers: BTreeSet<ObjectId>,
    /// What is ours and is to be let go, not deleted, when its manifest goes.
    pub retained: BTreeSet<ObjectId>,
    /// The host.
    pub host: Host,
    /// Whether the engine runs networks.
    pub networks: bool,
}

impl Scenario {
    /// Who owns what exists.
    pub fn owners(&self) -> BTreeMap<ObjectId, Owner> {
        let mut owners = crate::Ledger::of_all(&self.world.observed).owners;
        owners.retain(|id, _| !self.strangers.contains(id));
        for (_, owner) in owners.iter_mut().filter(|(id, _)| self.retained.contains(id)) {
            owner.deletion_policy = DeletionPolicy::Retain;
        }
        owners
    }

    /// Any situation that a controller can find itself in.
    pub fn any() -> impl Strategy<Value = Self> {
        // The lowest bits say of each object, in order, whether it is a stranger's, or retained.
        let strangers = prop_oneof![3 => Just(0u32), 1 => any::<u32>()];
        let retained = prop_oneof![1 => Just(0u32), 1 => any::<u32>()];
        let memory = prop_oneof![4 => Just(64u64), 1 => 1u64..8];
        let taken = prop_oneof![4 => Just(None), 1 => (2200u16..2203).prop_map(Some)];
        let networks = prop::bool::weighted(0.9);
        let host = (strangers, retained, memory, taken, networks);
        (random::world(), random::desired(), random::policy(), host).prop_map(
            |(world, desired, policy, (strangers, retained, memory, taken, networks))| {
                let everything = crate::Ledger::of_all(&world.observed).owners;
                let those = |mask: u32| {
                    let ids = everything.keys().cloned().enumerate();
                    ids.filter(|(index, _)| mask >> (index % 32) & 1 == 1)
                        .map(|(_, id)| id)
                        .collect()
                };
                let facts = HostFacts { memory: memory << 30, ..HostFacts::example() };
                Self {
                    strangers: those(strangers),
                    retained: those(retained),
                    host: Host {
                        facts,
                        taken_ports: taken.into_iter().collect(),
                        interfaces: Vec::new(),
                    },
                    world,
                    desired,
                    policy,
                    networks,
                }
            },
        )
    }
}

/// In few words: whole templates would fill screens.
impl fmt::Debug for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?}, networks: {}", self.policy, self.networks)?;
        let memory = self.host.facts.memory >> 30;
        writeln!(
            f,
            "{memory} GiB, taken {:?}, strangers {:?}",
            self.host.taken_ports, self.strangers
        )?;
        for (name, instance) in &self.world.observed.instances {
            let config = instance.config.as_deref().map(brief);
            let protected = if instance.protected { " protected" } else { "" };
            writeln!(f, "is    {name}{protected} {:?} {config:?}", instance.phase)?;
        }
        for (name, wanted) in &self.desired.instances {
            let spec = &wanted.spec.spec;
            let run = (spec.run_strategy, spec.max_disruption, spec.suspend, &spec.depends_on);
            writeln!(f, "wants {name} {run:?} {}", brief(&wanted.spec.filled))?;
        }
        let Desired { disks, networks, elsewhere, frozen, .. } = &self.desired;
        writeln!(f, "is    {:?} {:?}", self.world.observed.disks, self.world.observed.networks)?;
        writeln!(f, "wants {disks:?} {networks:?} elsewhere {elsewhere:?} frozen {frozen:?}")
    }
}

fn brief(lima: &Lima) -> String {
    let disks = lima.additional_disks.iter().flatten().map(|disk| disk.name.to_string());
    let networks = lima.networks.iter().flatten().filter_map(|lan| lan.lima.clone());
    let uses: Vec<_> = disks.chain(networks).collect();
    let port = lima.ssh.as_ref().and_then(|ssh| ssh.local_port).map(|port| port.0);
    let gib = |size: Option<limekiln_api::ByteSize>| size.map(|size| size.0 >> 30);
    let (cpus, memory, disk) = (lima.cpus.map(|cpus| cpus.0), gib(lima.memory), gib(lima.disk));
    format!("{:?} {cpus:?} {memory:?} {disk:?} port {port:?} uses {uses:?}", lima.arch)
}
