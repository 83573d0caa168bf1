//! Definitions, in Lima's `networks.yaml`.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use jiff::Timestamp;
use limekiln_api::NetworkSpec;
use limekiln_api::networks_yaml::{NetworksConfig, with_network};
use limekiln_engine::EngineError;
use limekiln_hostagent::atomic;
use limekiln_hostagent::network::{
    Daemon, NetworkFiles, must_be_understood, networks_config, networks_yaml, write_definition,
};
use limekiln_model::{Name, NetworkPhase};

use super::Carrier;
use super::run::{absent, failed};
use crate::disks::{publish, remove_dir};
use crate::error::{file, write};
use crate::paths::Paths;

/// Writes the network's definition, or a new one while no daemon runs. While one of ours runs, what
/// it reads anew by itself can change.
///
/// What Lima has no words for is written first: it counts only together with the rest, so a crash
/// between the two leaves a definition that is another one than was asked for, and is found so.
pub(crate) fn define(paths: &Paths, name: &Name, spec: &NetworkSpec) -> Result<(), EngineError> {
    define_if(paths, name, spec, |_| Ok(()))
}

/// The same, if `may` agrees with what is defined. Nobody else defines anything between its look
/// and the writing.
pub(crate) fn define_if(
    paths: &Paths,
    name: &Name,
    spec: &NetworkSpec,
    may: impl FnOnce(&NetworksConfig) -> Result<(), EngineError>,
) -> Result<(), EngineError> {
    let _lock = lock(paths)?;
    let config = networks_config(paths.home()).map_err(failed)?;
    may(&config)?;
    let written = read(paths)?;
    let spec = spec.clone().filled();
    let there = config.networks.get(name);
    there.map_or(Ok(()), |there| must_be_understood(paths.home(), name, there)).map_err(failed)?;
    let there = there.filter(|_| !written.is_empty());
    if there == Some(&spec) {
        return Ok(());
    }
    if there.is_some_and(|there| spec.is_live_change_of(there)) && !is_foreign(paths, name) {
        return write_definition(paths.home(), name, Some(&spec)).map_err(failed);
    }
    must_be_stopped(paths, &config, name)?;
    write_definition(paths.home(), name, Some(&spec)).map_err(failed)?;
    if there.map(|there| there.clone().limas()) == Some(spec.clone().limas()) {
        return Ok(());
    }
    change(paths, &written, name, Some(&spec.limas()))
}

/// Whether a daemon of Lima's runs, which reads none of our files.
fn is_foreign(paths: &Paths, name: &Name) -> bool {
    Daemon::new(NetworkFiles::new(paths.home(), name.as_str())).is_limas()
}

/// Removes the definition for good, and what its daemons left.
pub(crate) fn forget(paths: &Paths, name: &Name) -> Result<(), EngineError> {
    let _lock = lock(paths)?;
    take_out(paths, name)?;
    remove_dir(&paths.home().join("_networks").join(name.as_str()))
}

/// Moves the definition into `data`, which is then all that is left of it. Leases stay where they
/// are, for the day when it comes back.
///
/// It is written down first and taken out then. A crash between the two leaves it in both places,
/// and the next try finds it written down already.
pub(crate) fn park(paths: &Paths, name: &Name, data: &Path) -> Result<(), EngineError> {
    let _lock = lock(paths)?;
    let config = networks_config(paths.home()).map_err(failed)?;
    let spec = config.networks.get(name).ok_or_else(|| absent(name))?;
    must_be_understood(paths.home(), name, spec).map_err(failed)?;
    must_be_stopped(paths, &config, name)?;
    if !is_parked(data, spec) {
        let made = data.with_extension("new");
        remove_dir(&made)?;
        fs::create_dir_all(&made).map_err(file("make", &made))?;
        let json = serde_json::to_vec(spec)
            .map_err(|error| EngineError::permanent("cannot park").because(error))?;
        atomic::write(&made.join("network.json"), &json, 0o644).map_err(write)?;
        publish(&made, data)?;
    }
    take_out(paths, name)
}

/// Fails, and does nothing, if the network cannot be parked now.
pub(crate) fn may_park(paths: &Paths, name: &Name) -> Result<NetworkSpec, EngineError> {
    let config = networks_config(paths.home()).map_err(failed)?;
    must_be_stopped(paths, &config, name)?;
    let spec = config.networks.get(name).ok_or_else(|| absent(name))?;
    must_be_understood(paths.home(), name, spec).map_err(failed)?;
    Ok(spec.clone())
}

/// Whether this is what was parked there.
pub(crate) fn is_parked(data: &Path, spec: &NetworkSpec) -> bool {
    let parked = fs::read(data.join("network.json")).unwrap_or_default();
    serde_json::from_slice::<NetworkSpec>(&parked).is_ok_and(|parked| parked == *spec)
}

/// Puts a definition back.
pub(crate) fn restore(paths: &Paths, name: &Name, data: &Path) -> Result<(), EngineError> {
    let path = data.join("network.json");
    let bytes = fs::read(&path).map_err(file("read", &path))?;
    let spec: NetworkSpec = serde_json::from_slice(&bytes).map_err(|error| {
        EngineError::permanent(format!("{} is damaged", path.display())).because(error)
    })?;
    define(paths, name, &spec)
}

/// A network that Lima has by itself can change, and never go.
fn take_out(paths: &Paths, name: &Name) -> Result<(), EngineError> {
    let config = networks_config(paths.home()).map_err(failed)?;
    must_be_stopped(paths, &config, name)?;
    let text = read(paths)?;
    if !text.is_empty() && config.networks.contains_key(name) {
        change(paths, &text, name, None)?;
    }
    write_definition(paths.home(), name, None).map_err(failed)
}

fn must_be_stopped(paths: &Paths, config: &NetworksConfig, name: &Name) -> Result<(), EngineError> {
    let Some(spec) = config.networks.get(name) else { return Ok(()) };
    let carrier = Carrier::of(paths.home(), name, spec);
    if carrier.phase(paths.home(), config, name) == NetworkPhase::Running {
        return Err(EngineError::precondition(format!("the daemon of network/{name} runs")));
    }
    Ok(())
}

/// Lima locks the same directory. One writer at a time: networks are changed side by side.
fn lock(paths: &Paths) -> Result<File, EngineError> {
    let path = networks_yaml(paths.home());
    let dir = path.parent().unwrap_or(paths.home());
    fs::create_dir_all(dir).map_err(file("make", dir))?;
    let lock = File::open(dir).map_err(file("open", dir))?;
    lock.lock().map_err(file("lock", dir))?;
    Ok(lock)
}

fn read(paths: &Paths) -> Result<String, EngineError> {
    let path = networks_yaml(paths.home());
    match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        text => text.map_err(file("read", &path)),
    }
}

fn change(
    paths: &Paths,
    text: &str,
    name: &Name,
    spec: Option<&NetworkSpec>,
) -> Result<(), EngineError> {
    let path = networks_yaml(paths.home());
    let Some(changed) = with_network(text, name, spec) else {
        let message = format!("{} is laid out too unusually to be changed", path.display());
        let entry =
            spec.map(|spec| limekiln_api::to_yaml(&serde_json::json!({name.as_str(): spec})));
        let hint = match entry {
            Some(entry) => format!("put this below `networks`:\n{entry}"),
            None => format!("remove {name} from it"),
        };
        return Err(EngineError::needs_human(message).hint(hint));
    };
    keep_comments(paths, text, &changed)?;
    atomic::write(&path, changed.as_bytes(), 0o644).map_err(write)
}

/// A file that had to be written anew loses its comments; then the old one is kept beside it.
fn keep_comments(paths: &Paths, before: &str, after: &str) -> Result<(), EngineError> {
    let comments = |text: &str| text.matches('#').count();
    if comments(after) >= comments(before) || after.contains('#') {
        return Ok(());
    }
    let name = format!("_config/networks.yaml.before-{}", Timestamp::now().as_second());
    atomic::write(&paths.home().join(name), before.as_bytes(), 0o644).map_err(write)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> (tempfile::TempDir, Paths, Name, NetworkSpec) {
        let dir = tempfile::tempdir().expect("a directory");
        let paths = Paths::new(dir.path());
        let spec =
            NetworkSpec { gateway: "10.7.0.1".parse().ok(), ..NetworkSpec::default() }.filled();
        (dir, paths, Name::new("team").expect("a name"), spec)
    }

    fn names(paths: &Paths) -> Vec<String> {
        let config = networks_config(paths.home()).expect("readable");
        config.networks.keys().map(ToString::to_string).collect()
    }

    #[test]
    fn a_definition_comes_goes_and_comes_back() {
        let (dir, paths, team, spec) = home();
        define(&paths, &team, &spec).expect("defined");
        define(&paths, &team, &spec).expect("twice is once");
        assert_eq!(names(&paths), ["bridged", "host", "shared", "team", "user-v2"]);
        let data = dir.path().join("trash/data");
        fs::create_dir(dir.path().join("trash")).expect("writable");
        park(&paths, &team, &data).expect("parked");
        assert_eq!(names(&paths), ["bridged", "host", "shared", "user-v2"]);
        restore(&paths, &team, &data).expect("restored");
        assert!(names(&paths).contains(&"team".to_owned()));
        forget(&paths, &team).expect("forgotten");
        forget(&paths, &team).expect("twice is once");
        assert!(!names(&paths).contains(&"team".to_owned()));
    }

    #[test]
    fn what_a_later_release_wrote_is_left_alone() {
        let (dir, paths, team, spec) = home();
        let more = NetworkSpec { mtu: Some(9000), ..spec.clone() };
        define(&paths, &team, &more).expect("defined");
        let path = NetworkFiles::new(paths.home(), "team").definition();
        let later =
            fs::read_to_string(&path).expect("there").replace("\"version\": 1", "\"version\": 9");
        fs::write(&path, &later).expect("writable");
        let other = Name::new("other").expect("a name");
        define(&paths, &other, &NetworkSpec { gateway: "10.8.0.1".parse().ok(), ..spec.clone() })
            .expect("others go on");
        let data = dir.path().join("data");
        let tries = [
            define(&paths, &team, &spec).err(),
            may_park(&paths, &team).err(),
            park(&paths, &team, &data).err(),
        ];
        for error in tries {
            let error = error.expect("refused");
            assert!(error.hint.is_some_and(|hint| hint.contains("that release")));
        }
        assert_eq!(fs::read_to_string(&path).expect("there"), later);
        forget(&paths, &team).expect("who wants it gone for good gets that");
    }

    #[test]
    fn what_lima_has_no_words_for_comes_and_goes_with_the_definition() {
        let (dir, paths, team, spec) = home();
        let more = NetworkSpec { mtu: Some(9000), ..spec.clone() };
        define(&paths, &team, &more).expect("defined");
        let yaml = || fs::read_to_string(networks_yaml(paths.home())).expect("a file");
        let there = || networks_config(paths.home()).expect("readable").networks.remove(&team);
        assert!(yaml().contains("10.7.0.1") && !yaml().contains("mtu"), "{}", yaml());
        assert_eq!(there(), Some(more.clone()));
        let before = yaml();
        define(&paths, &team, &spec).expect("changed");
        assert_eq!((there(), yaml()), (Some(spec), before));
        define(&paths, &team, &more).expect("changed back");
        let data = dir.path().join("trash/data");
        fs::create_dir(dir.path().join("trash")).expect("writable");
        park(&paths, &team, &data).expect("parked");
        assert!(!NetworkFiles::new(paths.home(), "team").definition().exists());
        restore(&paths, &team, &data).expect("restored");
        assert_eq!(there(), Some(more));
    }

    #[test]
    fn many_define_at_once_and_none_is_lost() {
        let (_dir, paths, _, spec) = home();
        std::thread::scope(|scope| {
            for index in 0..12 {
                let (paths, spec) = (&paths, &spec);
                scope.spawn(move || {
                    let name = Name::new(format!("net{index}")).expect("a name");
                    define(paths, &name, spec).expect("defined");
                });
            }
        });
        assert_eq!(names(&paths).len(), 16);
    }
}
