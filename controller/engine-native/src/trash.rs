//! Deleted objects: parked, brought back, removed.
//!
//! Every step is a rename, so an object is always whole in one place: where it lived, in the
//! trash, or among what is being removed. What a crash leaves among the latter goes with the
//! next deletion.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use limekiln_engine::EngineError;
use limekiln_hostagent::atomic;
use limekiln_hostagent::network::networks_config;
use limekiln_model::{Kind, ObjectId, Parked};
use serde::{Deserialize, Serialize};

use crate::disks::{publish, remove_dir};
use crate::error::{file, write};
use crate::networks;
use crate::paths::Paths;

/// What is known of a parked object, in `meta.json` beside its `data`.
#[derive(Serialize, Deserialize)]
struct Meta {
    object: ObjectId,
    since: i64,
}

/// One purge at a time: each removes all that is on its way out.
static PURGING: Mutex<()> = Mutex::new(());

/// Moves the object aside.
pub(crate) fn park(paths: &Paths, object: &ObjectId) -> Result<(), EngineError> {
    if object.kind == Kind::Network {
        return park_network(paths, object);
    }
    let place = place(paths, object)?;
    if !place.exists() {
        // An earlier try got through.
        let parked = parked(paths).iter().any(|parked| parked.id == *object);
        return if parked { Ok(()) } else { Err(absent(object)) };
    }
    publish(&place, &new_entry(paths, object)?.join("data"))
}

/// A network is no directory but a definition. One that a crash left here as well as in its place
/// is not parked a second time.
fn park_network(paths: &Paths, object: &ObjectId) -> Result<(), EngineError> {
    let left: Vec<_> = parked(paths).into_iter().filter(|one| one.id == *object).collect();
    let there = networks_config(paths.home())
        .is_ok_and(|config| config.networks.contains_key(&object.name));
    if !there {
        return if left.is_empty() { Err(absent(object)) } else { Ok(()) };
    }
    let spec = networks::may_park(paths, &object.name)?;
    let data = |key: &str| paths.trash().join(key).join("data");
    let same =
        left.iter().rev().map(|one| data(&one.key)).find(|it| networks::is_parked(it, &spec));
    let data = match same {
        Some(data) => data,
        None => new_entry(paths, object)?.join("data"),
    };
    networks::park(paths, &object.name, &data)
}

/// A directory in the trash for an object, with all but its data.
fn new_entry(paths: &Paths, object: &ObjectId) -> Result<PathBuf, EngineError> {
    sweep(paths, object);
    let since = Timestamp::now();
    let key = format!("{}{}", key_prefix(object), since.as_millisecond());
    let dir = paths.trash().join(key);
    fs::create_dir_all(&dir).map_err(file("make", &dir))?;
    let meta = Meta { object: object.clone(), since: since.as_second() };
    let json = serde_json::to_vec(&meta)
        .map_err(|error| EngineError::permanent("cannot park").because(error))?;
    atomic::write(&dir.join("meta.json"), &json, 0o644).map_err(write)?;
    Ok(dir)
}

fn key_prefix(object: &ObjectId) -> String {
    format!("{}-{}-", object.kind, object.name)
}

/// Removes entries of this object that a crash left half made. Only one step at a time works on
/// an object, so nobody is making them.
fn sweep(paths: &Paths, object: &ObjectId) {
    let prefix = key_prefix(object);
    for entry in fs::read_dir(paths.trash()).into_iter().flatten().flatten() {
        let (name, dir) = (entry.file_name(), entry.path());
        let millis = name.to_str().and_then(|name| name.strip_prefix(&prefix));
        let is_its = millis.is_some_and(|millis| millis.bytes().all(|byte| byte.is_ascii_digit()));
        if is_its && !dir.join("data").exists() {
            // It is no reason not to park.
            let _ = remove_dir(&dir);
        }
    }
}

/// Brings a parked object back.
pub(crate) fn restore(paths: &Paths, object: &ObjectId, key: &str) -> Result<(), EngineError> {
    let dir = entry(paths, key)?;
    let data = dir.join("data");
    if object.kind == Kind::Network {
        return restore_network(paths, object, &dir);
    }
    let place = place(paths, object)?;
    match (place.exists(), data.exists()) {
        (true, false) => return remove_dir(&dir),
        (true, true) => {
            return Err(EngineError::precondition(format!(
                "{object} exists; its name is not free"
            )));
        }
        (false, false) => {
            return Err(EngineError::precondition(format!("nothing is parked as {key}")));
        }
        (false, true) => {}
    }
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent).map_err(file("make", parent))?;
    }
    publish(&data, &place)?;
    remove_dir(&dir)
}

fn restore_network(paths: &Paths, object: &ObjectId, dir: &Path) -> Result<(), EngineError> {
    let data = dir.join("data");
    let config = networks_config(paths.home());
    let there = config.is_ok_and(|config| config.networks.contains_key(&object.name));
    match (there, data.exists()) {
        (true, false) => remove_dir(dir),
        (true, true) => {
            Err(EngineError::precondition(format!("{object} exists; its name is not free")))
        }
        (false, false) => {
            Err(EngineError::precondition(format!("nothing is parked as {}", dir.display())))
        }
        (false, true) => {
            networks::restore(paths, &object.name, &data)?;
            // Not the other way round: a crash leaves both, and says that the name is taken.
            remove_dir(dir)
        }
    }
}

/// Removes for good: a parked object, or the object itself.
pub(crate) fn purge(
    paths: &Paths,
    object: &ObjectId,
    key: Option<&str>,
) -> Result<(), EngineError> {
    if object.kind == Kind::Network && key.is_none() {
        return networks::forget(paths, &object.name);
    }
    let from = match key {
        Some(key) => entry(paths, key)?,
        None => place(paths, object)?,
    };
    let bin = paths.purge();
    let _one = PURGING.lock().unwrap_or_else(PoisonError::into_inner);
    fs::create_dir_all(&bin).map_err(file("make", &bin))?;
    if from.exists() {
        let name = format!("{}-{}-{}", object.kind, object.name, Timestamp::now().as_nanosecond());
        publish(&from, &bin.join(name))?;
    }
    remove_dir(&bin)
}

/// What can be brought back, oldest first. Half-made entries are not.
pub(crate) fn parked(paths: &Paths) -> Vec<Parked> {
    let entries = fs::read_dir(paths.trash()).into_iter().flatten().flatten();
    let mut parked: Vec<Parked> = entries.filter_map(|entry| read(&entry.path())).collect();
    parked.sort_by(|one, other| (one.since, &one.key).cmp(&(other.since, &other.key)));
    parked
}

fn read(dir: &Path) -> Option<Parked> {
    if !dir.join("data").exists() {
        return None;
    }
    let meta: Meta = serde_json::from_slice(&fs::read(dir.join("meta.json")).ok()?).ok()?;
    Some(Parked { id: meta.object, key: dir.file_name()?.to_str()?.to_owned(), since: meta.since })
}

fn place(paths: &Paths, object: &ObjectId) -> Result<PathBuf, EngineError> {
    paths.object(object).ok_or_else(|| EngineError::permanent("networks are no directories"))
}

/// Keys come from saved plans, which are files: none may lead out of the trash.
fn entry(paths: &Paths, key: &str) -> Result<PathBuf, EngineError> {
    let plain = !key.is_empty() && !key.starts_with('.') && !key.contains(['/', '\0']);
    if plain {
        Ok(paths.trash().join(key))
    } else {
        Err(EngineError::precondition(format!("{key:?} is no parked object")))
    }
}

fn absent(object: &ObjectId) -> EngineError {
    EngineError::precondition(format!("{object} does not exist"))
}

#[cfg(test)]
mod tests {
    use limekiln_model::Name;

    use super::*;

    fn home() -> (tempfile::TempDir, Paths, ObjectId) {
        let dir = tempfile::tempdir().expect("a directory");
        let paths = Paths::new(dir.path());
        let id = ObjectId::instance(&Name::new("vm").expect("a name"));
        fs::create_dir(dir.path().join("vm")).expect("writable");
        fs::write(dir.path().join("vm/lima.yaml"), "cpus: 1\n").expect("writable");
        (dir, paths, id)
    }

    #[test]
    fn what_is_parked_comes_back_whole() {
        let (dir, paths, id) = home();
        park(&paths, &id).expect("parked");
        park(&paths, &id).expect("twice is once");
        assert!(!dir.path().join("vm").exists());
        let [parked] = parked(&paths).try_into().expect("one");
        let Parked { key, .. } = parked;
        restore(&paths, &id, &key).expect("restored");
        restore(&paths, &id, &key).expect("twice is once");
        assert_eq!(
            fs::read_to_string(dir.path().join("vm/lima.yaml")).expect("readable"),
            "cpus: 1\n"
        );
    }

    #[test]
    fn purging_finishes_what_a_crash_left() {
        let (dir, paths, id) = home();
        fs::create_dir_all(paths.purge().join("half/removed")).expect("writable");
        purge(&paths, &id, None).expect("purged");
        purge(&paths, &id, None).expect("twice is once");
        assert!(!dir.path().join("vm").exists() && !paths.purge().exists());
    }

    #[test]
    fn keys_do_not_lead_out_of_the_trash() {
        let (dir, paths, id) = home();
        for key in ["../../vm", "..", "", "a/b"] {
            purge(&paths, &id, Some(key)).expect_err(key);
        }
        assert!(dir.path().join("vm").exists());
    }

    #[test]
    fn a_half_made_entry_is_not_listed_and_goes_with_the_next() {
        let (_dir, paths, id) = home();
        fs::create_dir_all(paths.trash().join("instance-vm-1")).expect("writable");
        fs::create_dir_all(paths.trash().join("instance-vm-2-1")).expect("writable");
        assert_eq!(parked(&paths), []);
        park(&paths, &id).expect("parked");
        assert!(!paths.trash().join("instance-vm-1").exists());
        assert!(paths.trash().join("instance-vm-2-1").exists(), "another object's");
    }

    #[test]
    fn a_network_that_a_crash_left_in_both_places_is_parked_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let paths = Paths::new(dir.path());
        let id = ObjectId::network(&Name::new("lan").expect("a name"));
        let gateway = "10.7.0.1".parse().ok();
        let spec = limekiln_api::NetworkSpec { gateway, ..Default::default() };
        let define = || networks::define(&paths, &id.name, &spec).expect("defined");
        define();
        park(&paths, &id).expect("parked");
        define();
        park(&paths, &id).expect("parked");
        park(&paths, &id).expect("twice is once");
        let parked = parked(&paths);
        assert_eq!(parked.len(), 1, "{parked:?}");
        restore(&paths, &id, &parked[0].key).expect("restored");
        let config = networks_config(dir.path()).expect("readable");
        assert!(config.networks.contains_key(&id.name));
    }

    #[test]
    fn many_are_purged_at_once() {
        let (dir, paths, _) = home();
        let names: Vec<Name> =
            (0..20).map(|index| Name::new(format!("vm{index}")).expect("a name")).collect();
        for name in &names {
            fs::create_dir_all(dir.path().join(name.as_str()).join("deep/er")).expect("writable");
        }
        std::thread::scope(|scope| {
            for name in &names {
                scope.spawn(|| purge(&paths, &ObjectId::instance(name), None).expect("purged"));
            }
        });
        assert!(!paths.purge().exists());
    }
}
