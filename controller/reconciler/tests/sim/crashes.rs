//! The controller dies at every action of random scenarios, before it, inside it and after it,
//! and again while it recovers. The end is the same as if it had lived.
//!
//! A death is real as far as a test can make it: the call never returns, everything that runs is
//! dropped where it stands, and what comes after knows only the files and the world.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use limekiln_api::{Disruption, HostFacts, NetworkSpec, RunStrategy};
use limekiln_engine::{ActionContext, Engine, EngineError, ErrorClass};
use limekiln_engine_sim::{Fault, FaultKind, SimEngine, World};
use limekiln_model::{
    Action, Capabilities, InstancePhase, NetworkPhase, ObjectId, Observed, ObservedNetwork, Policy,
};
use limekiln_reconciler::{Claim, Home, Ledger, Reconciler, Run};
use limekiln_testkit::{Scenario, desired, instance, name, observed_instance, wanted};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use tokio::sync::Notify;

/// Lives until the engine's fault says that it dies.
struct Mortal {
    engine: Arc<SimEngine>,
    died: Arc<Notify>,
}

#[async_trait]
impl Engine for Mortal {
    fn capabilities(&self) -> Capabilities {
        self.engine.capabilities()
    }

    fn unsupported_fields(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    async fn observe(&self) -> Result<Observed, EngineError> {
        self.engine.observe().await
    }

    async fn perform(&self, action: &Action, context: &ActionContext) -> Result<(), EngineError> {
        match self.engine.perform(action, context).await {
            Err(error) if error.class == ErrorClass::Unknown => {
                self.died.notify_one();
                pending().await
            }
            result => result,
        }
    }
}

/// What is left, by kind of thing.
type End = BTreeMap<String, String>;

/// A host: its files, and what exists on it.
struct Host {
    dir: tempfile::TempDir,
    engine: Arc<SimEngine>,
}

impl Host {
    fn new(scenario: &Scenario) -> Self {
        // In memory where that is possible: thousands of files are synced.
        let memory = Some(Path::new("/dev/shm")).filter(|memory| memory.is_dir());
        let dir = memory.map_or_else(tempfile::tempdir, tempfile::tempdir_in).expect("dir");
        let home = Home::new(&dir.path().join("lima"));
        home.prepare().expect("home");
        let ledger = Ledger::new(&home);
        for (id, owner) in scenario.owners() {
            let claim = Claim { id, owner, applied: None, applying: None, restarting: false };
            ledger.put(&claim).expect("claim");
        }
        let engine = Arc::new(
            SimEngine::new(0)
                .with_world(scenario.world.clone())
                .with_capabilities(|can| can.networks = scenario.networks),
        );
        Self { dir, engine }
    }

    /// One life of the controller: passes until nothing is left to do. Says whether it died.
    async fn live(&self, scenario: &Scenario) -> bool {
        let died = Arc::new(Notify::new());
        let mortal = Mortal { engine: Arc::clone(&self.engine), died: Arc::clone(&died) };
        let lima_home = self.dir.path().join("lima");
        let facts = HostFacts { lima_home: lima_home.clone(), ..scenario.host.facts.clone() };
        let reconciler = Reconciler::new(Arc::new(mortal), Home::new(&lima_home), facts);
        tokio::select! {
            biased;
            () = converge(&reconciler, scenario) => false,
            () = died.notified() => true,
        }
    }

    /// All that counts in the end. Ports are given out in the order of starts, and keys of parked
    /// objects hold a counter.
    fn end(&self) -> End {
        let observed = self.engine.look();
        let instances = observed.instances.iter().flat_map(|(name, instance)| {
            let parts =
                (&instance.phase, instance.disk_bytes, instance.protected, &instance.mounts);
            let json = |lima| serde_json::to_string(lima).expect("JSON");
            [
                (format!("instance/{name}"), format!("{parts:?}")),
                (format!("instance/{name} config"), json(&instance.config)),
                (format!("instance/{name} booted"), json(&instance.booted)),
            ]
        });
        let disks =
            observed.disks.iter().map(|(name, disk)| (format!("disk/{name}"), format!("{disk:?}")));
        let networks = observed
            .networks
            .iter()
            .map(|(name, network)| (format!("network/{name}"), format!("{network:?}")));
        let mut end: BTreeMap<_, _> = instances.chain(disks).chain(networks).collect();
        let mut parked: Vec<_> =
            observed.parked.iter().map(|parked| parked.id.to_string()).collect();
        parked.sort();
        end.insert("parked".to_owned(), parked.join(" "));
        for part in ["owners", "parked"] {
            end.extend(files(&self.dir.path().join("lima/_limekiln").join(part)));
        }
        end
    }
}

fn files(dir: &Path) -> impl Iterator<Item = (String, String)> {
    std::fs::read_dir(dir).expect("dir").map(|entry| {
        let path = entry.expect("entry").path();
        (
            path.display().to_string().split("_limekiln").last().expect("below").to_owned(),
            std::fs::read_to_string(&path).expect("text"),
        )
    })
}

async fn converge(reconciler: &Reconciler, scenario: &Scenario) {
    for _ in 0..4 {
        let planned = reconciler.plan(scenario.desired.clone(), scenario.policy.clone()).await;
        let planned = planned.expect("plan");
        let done = planned.plan.is_empty();
        reconciler.settle(planned, &Run::silent()).await.expect("settle");
        if done {
            return;
        }
    }
}

/// The end of the scenario with these faults, and how many actions it took.
fn play(scenario: &Scenario, faults: &[Fault]) -> (End, usize, Vec<String>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let host = Host::new(scenario);
    faults.iter().for_each(|fault| host.engine.inject(*fault));
    runtime.expect("runtime").block_on(async {
        let mut lives = 1;
        while host.live(scenario).await {
            lives += 1;
            assert!(lives <= faults.len() + 1);
        }
    });
    let log = host
        .engine
        .log()
        .iter()
        .map(|entry| {
            format!("{} {} {:?}", entry.action.verb(), entry.action.object(), entry.outcome)
        })
        .collect();
    (host.end(), host.engine.performed(), log)
}

/// The lines in which two ends differ.
fn difference(end: &End, straight: &End) -> Vec<String> {
    let keys: BTreeSet<_> = end.keys().chain(straight.keys()).collect();
    let differing = keys.into_iter().filter(|key| end.get(*key) != straight.get(*key));
    differing
        .map(|key| format!("{key}: {:?} instead of {:?}", end.get(key), straight.get(key)))
        .collect()
}

/// Plays the scenario through, and again with a death at every action: before it, inside it and
/// after it, and with a second one on the way back.
fn die_everywhere(scenario: &Scenario, seed: usize) -> Result<(), TestCaseError> {
    let (straight, actions, plain) = play(scenario, &[]);
    let die = |faults: &[Fault]| {
        let (end, _, log) = play(scenario, faults);
        let differs = difference(&end, &straight);
        prop_assert!(
            differs.is_empty(),
            "{faults:?}: {differs:#?}\n{log:#?}\nstraight: {plain:#?}"
        );
        Ok(())
    };
    for at in 0..actions {
        for kind in FaultKind::CRASHES {
            die(&[Fault { at, kind }])?;
        }
        let kind = FaultKind::CRASHES[(seed / 3 + at) % 3];
        let again = Fault { at: at + 1 + seed % 5, kind: FaultKind::CRASHES[seed % 3] };
        die(&[Fault { at, kind }, again])?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn a_death_at_any_action_changes_nothing_in_the_end(
        scenario in Scenario::any(),
        seed in any::<usize>(),
    ) {
        die_everywhere(&scenario, seed)?;
    }
}

/// `Manual` leaves an instance as the user left it, which is not as a dead controller left it.
#[test]
fn an_instance_that_the_user_started_runs_again_after_a_death() {
    for (now, then) in [("cpus: 1", "cpus: 2"), ("arch: x86_64", "arch: aarch64")] {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let scenario = Scenario::any().new_tree(&mut runner).expect("a scenario");
        let mut scenario = scenario.current();
        let manual = instance("web", then, |spec| {
            spec.run_strategy = RunStrategy::Manual;
            spec.max_disruption = Disruption::Recreate;
        });
        scenario.desired = desired([manual]);
        scenario.world = World::default();
        let ready = observed_instance("web", now, InstancePhase::Ready);
        scenario.world.observed.instances.insert(name("web"), ready.into());
        (scenario.policy, scenario.strangers) = (Policy::default(), BTreeSet::new());
        die_everywhere(&scenario, 1).unwrap_or_else(|error| panic!("{error}"));
    }
}

/// Networks are defined, changed under a user, started for the first user of one that is nobody's,
/// and stopped after the last.
#[test]
fn a_death_at_any_action_on_networks_changes_nothing_in_the_end() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut scenario = Scenario::any().new_tree(&mut runner).expect("a scenario").current();
    let spec = |gateway: &str| {
        NetworkSpec { gateway: gateway.parse().ok(), ..NetworkSpec::default() }.filled()
    };
    let on = |network: &str| format!("networks: [{{lima: {network}}}]");
    scenario.world = World::default();
    for (of, gateway, phase) in [
        ("lan", "10.1.0.1", NetworkPhase::Running),
        ("left", "10.2.0.1", NetworkPhase::Running),
        ("nobodys", "10.3.0.1", NetworkPhase::Stopped),
    ] {
        let network =
            ObservedNetwork { spec: spec(gateway), phase, foreign: false, unreadable: None };
        scenario.world.observed.networks.insert(name(of), network);
    }
    for (index, (of, network)) in [("user", "lan"), ("leaver", "left")].into_iter().enumerate() {
        let mut ready = observed_instance(of, &on(network), InstancePhase::Ready);
        ready.ssh_port = u16::try_from(60_000 + index).ok();
        scenario.world.observed.instances.insert(name(of), ready.into());
    }
    scenario.desired = desired([
        instance("user", &on("lan"), |spec| spec.max_disruption = Disruption::Restart),
        instance("leaver", &on("left"), |spec| spec.run_strategy = RunStrategy::Halted),
        instance("first", &on("nobodys"), |_| {}),
        instance("second", &on("fresh"), |_| {}),
    ]);
    for (of, gateway) in [("lan", "10.4.0.1"), ("left", "10.2.0.1"), ("fresh", "10.5.0.1")] {
        scenario.desired.networks.insert(name(of), wanted(spec(gateway)));
    }
    (scenario.policy, scenario.networks) = (Policy::default(), true);
    scenario.host.facts.memory = 64 << 30;
    scenario.strangers = BTreeSet::from([ObjectId::network(&name("nobodys"))]);
    let (end, ..) = play(&scenario, &[]);
    for of in ["lan", "nobodys", "fresh"] {
        assert!(end[&format!("network/{of}")].contains("Running"), "{end:#?}");
    }
    assert!(end["network/left"].contains("Stopped"), "{end:#?}");
    die_everywhere(&scenario, 2).unwrap_or_else(|error| panic!("{error}"));
}

/// One of each: a disk is made and another grows, a network changes under its user, VMs are made,
/// restarted, one that only the user starts, and deleted.
fn one_of_each() -> Scenario {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut scenario = Scenario::any().new_tree(&mut runner).expect("a scenario").current();
    let spec = |gateway: &str| {
        NetworkSpec { gateway: gateway.parse().ok(), ..NetworkSpec::default() }.filled()
    };
    let disk = |gib: u64| limekiln_api::DiskSpec::of(gib << 30, Default::default());
    let on_lan = |more: &str| format!("networks: [{{lima: lan}}]\n{more}");
    scenario.world = World::default();
    let is = &mut scenario.world.observed;
    let phase = NetworkPhase::Running;
    let lan = ObservedNetwork { spec: spec("10.1.0.1"), phase, foreign: false, unreadable: None };
    is.networks.insert(name("lan"), lan);
    let mut user = observed_instance("user", &on_lan("cpus: 1"), InstancePhase::Ready);
    user.ssh_port = Some(60_001);
    is.instances.insert(name("user"), user.into());
    is.instances
        .insert(name("gone"), observed_instance("gone", "cpus: 1", InstancePhase::Stopped).into());
    let mut manual = observed_instance("manual", "cpus: 1", InstancePhase::Ready);
    manual.ssh_port = Some(60_002);
    is.instances.insert(name("manual"), manual.into());
    scenario.desired = desired([
        instance("user", &on_lan("cpus: 2"), |spec| spec.max_disruption = Disruption::Restart),
        instance("manual", "cpus: 2", |spec| {
            spec.run_strategy = RunStrategy::Manual;
            spec.max_disruption = Disruption::Restart;
        }),
        instance("fresh", "additionalDisks: [data]\ncpus: 1", |_| {}),
    ]);
    scenario.desired.disks.insert(name("data"), wanted(disk(2)));
    scenario.desired.networks.insert(name("lan"), wanted(spec("10.4.0.1")));
    scenario.policy = Policy { prune: true, ..Policy::default() };
    (scenario.networks, scenario.host.facts.memory) = (true, 64 << 30);
    (scenario.strangers, scenario.retained) = (BTreeSet::new(), BTreeSet::new());
    scenario
}

/// The second death comes at any action of what follows the first, which is longer than what the
/// first one broke off.
#[test]
fn a_death_at_any_two_actions_changes_nothing_in_the_end() {
    let scenario = one_of_each();
    let (straight, actions, plain) = play(&scenario, &[]);
    assert!(straight["instance/user"].contains("Ready"), "{straight:#?}");
    assert!(straight["instance/fresh"].contains("Ready"), "{straight:#?}");
    assert_eq!(straight["parked"], "instance/gone", "{plain:#?}");
    let mut pairs = 0;
    // Before an action is after the one before it: these are all boundaries.
    for kind in [FaultKind::CrashBefore, FaultKind::CrashInside] {
        for at in 0..actions {
            let first = Fault { at, kind };
            let (_, longer, _) = play(&scenario, &[first]);
            for at in at + 1..longer {
                let faults = [first, Fault { at, kind }];
                let (end, _, log) = play(&scenario, &faults);
                let differs = difference(&end, &straight);
                assert!(differs.is_empty(), "{faults:?}: {differs:#?}\n{log:#?}\n{plain:#?}");
                pairs += 1;
            }
        }
    }
    assert!(pairs >= actions * (actions - 1), "{pairs} pairs of {actions} actions");
}
