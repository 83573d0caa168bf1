//! What is left when nothing is left to do.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use limekiln_model::{ObjectId, Observed};

use crate::host::Machine;

/// What counts in the end, by the name of the thing.
pub type End = BTreeMap<String, String>;

/// Everything that counts. Ports are given out in the order of starts, and keys of parked objects
/// hold a counter.
pub fn whole(machine: &Machine) -> End {
    let observed = machine.look();
    let mut end = live(&observed);
    for (name, instance) in &observed.instances {
        let parts = (&instance.phase, instance.disk_bytes, &instance.mounts);
        end.insert(format!("instance/{name}"), format!("{parts:?}"));
        end.insert(format!("instance/{name} booted"), json(&instance.booted));
    }
    for (name, disk) in &observed.disks {
        end.insert(format!("disk/{name}"), format!("{disk:?}"));
    }
    for (name, network) in &observed.networks {
        end.insert(format!("network/{name}"), format!("{network:?}"));
    }
    let mut parked: Vec<_> = observed.parked.iter().map(|parked| parked.id.to_string()).collect();
    parked.sort();
    end.insert("parked".to_owned(), parked.join(" "));
    for part in ["owners", "parked"] {
        end.extend(files(&machine.home().dir().join(part), part));
    }
    end
}

/// What counts of these objects, where it does not matter by which way they came there.
pub fn of(machine: &Machine, ids: &BTreeSet<ObjectId>) -> End {
    let named: BTreeSet<_> = ids.iter().map(ToString::to_string).collect();
    let live = live(&machine.look()).into_iter();
    live.filter(|(key, _)| named.contains(key.split(' ').next().unwrap_or_default())).collect()
}

fn live(observed: &Observed) -> End {
    let mut end = End::new();
    for (name, instance) in &observed.instances {
        end.insert(format!("instance/{name} phase"), instance.phase.word().to_owned());
        end.insert(format!("instance/{name} config"), json(&instance.config));
    }
    for (name, disk) in &observed.disks {
        end.insert(format!("disk/{name} size"), disk.size.to_string());
    }
    for (name, network) in &observed.networks {
        end.insert(format!("network/{name} spec"), format!("{:?}", network.spec));
    }
    end
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn files(dir: &Path, part: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let file = |entry: fs::DirEntry| {
        let name = format!("{part}/{}", entry.file_name().to_string_lossy());
        (name, fs::read_to_string(entry.path()).unwrap_or_default())
    };
    entries.map(file).collect()
}

/// The things in which two ends differ.
pub fn difference(end: &End, undisturbed: &End) -> Vec<String> {
    let keys: BTreeSet<_> = end.keys().chain(undisturbed.keys()).collect();
    let differ = keys.into_iter().filter(|key| end.get(*key) != undisturbed.get(*key));
    let side = |end: &End, key: &str| end.get(key).cloned().unwrap_or_else(|| "nothing".to_owned());
    differ
        .map(|key| {
            let (here, there) = around(&side(end, key), &side(undisturbed, key));
            format!("{key}: {here} instead of {there}")
        })
        .collect()
}

/// Where two texts begin to differ: whole ones would fill screens.
fn around(here: &str, there: &str) -> (String, String) {
    let same = here.chars().zip(there.chars()).take_while(|(a, b)| a == b).count();
    let part = |text: &str| text.chars().skip(same.saturating_sub(24)).take(72).collect::<String>();
    (part(here).replace('\n', " "), part(there).replace('\n', " "))
}
