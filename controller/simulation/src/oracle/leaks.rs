//! What nobody needs any more, and is there all the same.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use limekiln_model::{InstancePhase, NetworkPhase, ObjectId, Observed, ObservedInstance};

use crate::host::Machine;
use crate::story::Catalogue;

/// What is left over when nothing is left to do and no controller runs.
pub fn leaks(machine: &Machine, catalogue: &Catalogue, owned: &BTreeSet<ObjectId>) -> Vec<String> {
    let observed = machine.look();
    let mut leaks = half_written(machine);
    let mentioned = catalogue.ids();
    let suspended = machine.lock().watch.suspended.clone();
    let kept = |id: &ObjectId| mentioned.contains(id) || suspended.contains_key(id);
    for id in owned.iter().filter(|id| !observed.exists(id) && !kept(id)) {
        leaks.push(format!("a claim on {id}, which does not exist"));
    }
    leaks.extend(half_made(&observed, catalogue, owned));
    leaks.extend(held(&observed, catalogue));
    if machine.lock().is_at_work() {
        leaks.push("an action that has not ended".to_owned());
    }
    leaks
}

fn half_written(machine: &Machine) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![machine.home().dir().to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.path().is_dir() {
                open.push(entry.path());
            } else if name.starts_with(".new-") {
                found.push(format!("half a file: {name}"));
            }
        }
    }
    found
}

fn half_made(
    observed: &Observed,
    catalogue: &Catalogue,
    owned: &BTreeSet<ObjectId>,
) -> Vec<String> {
    let creating = observed.instances.iter().filter(|(name, instance)| {
        let id = ObjectId::instance(name);
        let left_alone = catalogue.frozen().contains(&id) || !catalogue.ids().contains(&id);
        instance.phase == InstancePhase::Creating && owned.contains(&id) && !left_alone
    });
    creating.map(|(name, _)| format!("half of instance {name}")).collect()
}

/// Disks that nobody uses are free, and so are networks.
fn held(observed: &Observed, catalogue: &Catalogue) -> Vec<String> {
    let mut held = Vec::new();
    let alive =
        |instance: &Arc<ObservedInstance>| instance.phase.is_running() || instance.booted.is_some();
    for (name, disk) in &observed.disks {
        let user = disk.in_use_by.as_ref();
        let user = user.filter(|user| !observed.instances.get(*user).is_some_and(alive));
        held.extend(user.map(|user| format!("disk {name} is held by {user}, which is not there")));
    }
    let frozen = catalogue.frozen();
    let daemons = observed.networks.iter().filter(|(name, network)| {
        let id = ObjectId::network(name);
        // One that is in no manifest is left as it is until it is deleted.
        let managed = catalogue.ids().contains(&id) && !frozen.contains(&id);
        network.phase == NetworkPhase::Running && managed
    });
    for (name, _) in daemons {
        let mut running = observed.instances.values().filter(|instance| alive(instance));
        let used = running.any(|instance: &Arc<ObservedInstance>| {
            let config = instance.booted.as_ref().or(instance.config.as_ref());
            let mut networks = config.into_iter().flat_map(|lima| lima.networks.iter().flatten());
            networks.any(|network| network.lima.as_deref() == Some(name.as_str()))
        });
        if !used {
            held.push(format!("the daemon of {name} runs for nobody"));
        }
    }
    held
}
