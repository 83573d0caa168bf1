//! What is so when nothing is left to do.

use limekiln_api::RunStrategy;
use limekiln_model::{
    InstancePhase, Name, NetworkPhase, ObjectId, Observed, ObservedInstance, Report,
};
use limekiln_testkit::{Converged, Scenario};

/// Panics if something is not as it is wanted and no reason is given.
pub fn check(scenario: &Scenario, converged: &Converged) {
    let last = converged.passes.last().expect("a pass");
    let (observed, report) = (&last.observed, &last.report);
    for name in scenario.desired.instances.keys() {
        if !report.waiting.contains_key(&ObjectId::instance(name)) {
            instance(scenario, name, observed);
        }
    }
    for (name, wanted) in &scenario.desired.disks {
        if !report.waiting.contains_key(&ObjectId::disk(name)) {
            let disk = &observed.disks[name];
            let (size, format) = (wanted.spec.size.0, wanted.spec.format);
            assert_eq!((disk.size, disk.format), (size, format), "disk {name}");
        }
    }
    networks(scenario, observed, report);
    gone(scenario, observed, report);
}

fn instance(scenario: &Scenario, name: &Name, observed: &Observed) {
    let wanted = &scenario.desired.instances[name].spec;
    let instance = &observed.instances[name];
    assert_eq!(instance.config.as_ref(), Some(&wanted.filled), "the configuration of {name}");
    assert!(instance.disk_bytes >= wanted.filled.disk.map(|disk| disk.0), "the disk of {name}");
    match wanted.spec.run_strategy {
        RunStrategy::Always => assert!(instance.phase.is_running(), "{name} does not run"),
        RunStrategy::Halted => assert_eq!(instance.phase, InstancePhase::Stopped, "{name}"),
        RunStrategy::Manual => {
            let was = scenario.world.observed.instances.get(name).map(|was| &was.phase);
            if was.is_none_or(|was| *was == InstancePhase::Stopped) {
                assert_eq!(instance.phase, InstancePhase::Stopped, "nobody asked {name} to run");
            }
        }
    }
    if instance.phase == InstancePhase::Ready {
        ready(name, instance);
    }
}

/// Every field of the tests' templates that counts in a running VM needs a restart, save forwards
/// and in some worlds mounts, which change live: what the VM was booted with stays as it was then.
fn ready(name: &Name, instance: &ObservedInstance) {
    let as_booted = |lima: Option<&limekiln_api::Lima>| {
        lima.cloned().map(|lima| limekiln_api::Lima {
            message: None,
            images: None,
            port_forwards: None,
            ..lima
        })
    };
    assert_eq!(
        as_booted(instance.booted.as_deref()),
        as_booted(instance.config.as_deref()),
        "{name} was not restarted"
    );
    let mounts = instance.config.iter().flat_map(|config| config.mounts.iter().flatten());
    assert_eq!(instance.mounts.len(), mounts.count(), "mounts of {name}");
}

/// Networks are as they are wanted, and their daemons run while somebody uses them.
fn networks(scenario: &Scenario, observed: &Observed, report: &Report) {
    for (name, wanted) in &scenario.desired.networks {
        let id = ObjectId::network(name);
        if report.waiting.contains_key(&id) {
            continue;
        }
        let network = &observed.networks[name];
        assert_eq!(network.spec, wanted.spec, "network {name}");
        let used = observed.instances.values().any(|instance| {
            let broken = matches!(instance.phase, InstancePhase::Broken { .. });
            let booted = instance.booted.as_ref().filter(|_| instance.phase.is_running() || broken);
            let mut networks = booted.into_iter().flat_map(|lima| lima.networks.iter().flatten());
            networks.any(|network| network.lima.as_deref() == Some(name.as_str()))
        });
        let runs = network.phase == NetworkPhase::Running;
        // Under what cannot be read no daemon is stopped.
        let unknown = observed.instances.values().any(|instance| {
            let broken = matches!(instance.phase, InstancePhase::Broken { .. });
            broken && instance.config.is_none() && instance.booted.is_none()
        });
        assert!(runs == used || (runs && unknown), "the daemon of {name}");
    }
}

/// What is ours and in no manifest is gone, or is reported.
fn gone(scenario: &Scenario, observed: &Observed, report: &Report) {
    for id in observed.owners.keys() {
        let spoken_of = scenario.desired.mentions(id) || report.waiting.contains_key(id);
        assert!(spoken_of, "{id} is ours, and nothing is said of it");
    }
}
