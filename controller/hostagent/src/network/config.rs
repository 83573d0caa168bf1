//! Definitions of networks: Lima's `networks.yaml`, and files of ours beside its daemons' for what
//! Lima has no words for.
//!
//! Lima warns of keys in `networks.yaml` that it does not know and means to refuse them, so `mtu`,
//! `allow` and `hosts` stand in `_networks/NAME/definition.json`, with the whole definition that
//! they belong to. They count only as long as `networks.yaml` says the same of all else: whoever
//! makes another network of that name with Lima's tools does not get what guests of ours were
//! allowed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use limekiln_api::networks_yaml::NetworksConfig;
use limekiln_api::{Name, NetworkMode, NetworkSpec};
use serde::Serialize;
use serde_json::Value;

use super::{NetworkError, NetworkFiles};
use crate::atomic;

/// The version of `definition.json`; rises when a later release writes what this one could not
/// understand. A file without one is of the first. The daemon has it, too.
const VERSION: u64 = 1;

/// Where it is.
pub fn networks_yaml(lima_home: &Path) -> PathBuf {
    lima_home.join("_config/networks.yaml")
}

/// The networks of a home; Lima's own if there is no file. Of one that is not to be used, for which
/// see [`must_be_understood`], there is only what Lima has words for.
///
/// # Errors
/// It can't be read.
pub fn networks_config(lima_home: &Path) -> Result<NetworksConfig, NetworkError> {
    networks_and_faults(lima_home).map(|(config, _)| config)
}

/// The same, with those that are not to be used, and why.
///
/// # Errors
/// It can't be read.
pub fn networks_and_faults(
    lima_home: &Path,
) -> Result<(NetworksConfig, BTreeMap<Name, NetworkError>), NetworkError> {
    let mut config = limas_config(lima_home)?;
    let mut faults = BTreeMap::new();
    for (name, spec) in &mut config.networks {
        match whole(lima_home, name, spec) {
            Ok(Some(whole)) => *spec = whole,
            Ok(None) => {}
            Err(error) => drop(faults.insert(name.clone(), error)),
        }
    }
    Ok((config, faults))
}

/// To be asked before anything is done with a network or put onto it: what it allows and names would
/// be lost if a later release wrote that. Others go on.
///
/// # Errors
/// A later release wrote it.
pub fn must_be_understood(
    lima_home: &Path,
    name: &Name,
    spec: &NetworkSpec,
) -> Result<(), NetworkError> {
    whole(lima_home, name, &spec.clone().limas()).map(drop)
}

/// As Lima reads it.
fn limas_config(lima_home: &Path) -> Result<NetworksConfig, NetworkError> {
    let path = networks_yaml(lima_home);
    match fs::read_to_string(&path) {
        Ok(text) => {
            NetworksConfig::read(&text).map_err(|source| NetworkError::Yaml { path, source })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(NetworksConfig::default()),
        Err(error) => Err(NetworkError::file("read", path)(error)),
    }
}

/// The definition with what Lima has no words for. A file that can't be read allows nothing; who
/// defines the network anew mends it.
fn whole(
    lima_home: &Path,
    name: &Name,
    limas: &NetworkSpec,
) -> Result<Option<NetworkSpec>, NetworkError> {
    if limas.mode != NetworkMode::UserV2 {
        return Ok(None);
    }
    let path = NetworkFiles::new(lima_home, name.as_str()).definition();
    let Ok(Value::Object(mut all)) = json(&path) else { return Ok(None) };
    if all.remove("version").and_then(|version| version.as_u64()).unwrap_or(VERSION) > VERSION {
        return Err(NetworkError::Later { path });
    }
    let whole = serde_json::from_value::<NetworkSpec>(all.into()).ok().map(NetworkSpec::filled);
    Ok(whole.filter(|whole| whole.clone().limas() == *limas))
}

fn json(path: &Path) -> io::Result<Value> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

/// A definition as it is kept.
#[derive(Serialize)]
struct Kept<'a> {
    version: u64,
    #[serde(flatten)]
    spec: &'a NetworkSpec,
}

/// Keeps what Lima has no words for, or makes sure that nothing is kept: to be called before
/// `networks.yaml` gets the definition, and with `None` after it lost it.
///
/// # Errors
/// The file can't be written or removed.
pub fn write_definition(
    lima_home: &Path,
    name: &Name,
    spec: Option<&NetworkSpec>,
) -> Result<(), NetworkError> {
    let files = NetworkFiles::new(lima_home, name.as_str());
    let path = files.definition();
    let Some(spec) = spec.filter(|spec| **spec != (*spec).clone().limas()) else {
        return match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(NetworkError::file("remove", path)(error))
            }
            _ => Ok(()),
        };
    };
    let failed = |error: io::Error| NetworkError::file("write", &path)(error);
    let kept = Kept { version: VERSION, spec };
    let json = serde_json::to_vec_pretty(&kept).map_err(|error| failed(error.into()))?;
    if fs::read(&path).is_ok_and(|there| there == json) {
        return Ok(());
    }
    fs::create_dir_all(files.dir()).map_err(NetworkError::file("make", files.dir()))?;
    atomic::write(&path, &json, 0o644).map_err(|error| failed(io::Error::other(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(gateway: &str) -> NetworkSpec {
        NetworkSpec { gateway: gateway.parse().ok(), ..NetworkSpec::default() }.filled()
    }

    fn define(home: &Path, text: &str) {
        fs::create_dir_all(home.join("_config")).unwrap();
        fs::write(networks_yaml(home), format!("networks: {{lan: {text}}}")).unwrap();
    }

    #[test]
    fn what_lima_has_no_words_for_belongs_to_one_definition() {
        let home = tempfile::tempdir().unwrap();
        let (home, lan) = (home.path(), Name::new("lan").unwrap());
        let there = || networks_config(home).unwrap().networks[&lan].clone();
        let hosts = [("a".to_owned(), "b".to_owned())].into();
        let allow = vec!["127.0.0.0/8".to_owned()];
        let more = NetworkSpec { mtu: Some(9000), allow, hosts, ..spec("10.7.0.1") };
        write_definition(home, &lan, Some(&more)).unwrap();
        define(home, "{mode: user-v2, gateway: 10.7.0.1, netmask: 255.255.255.0}");
        assert_eq!(there(), more);
        define(home, "{mode: user-v2, gateway: 10.7.0.9}");
        assert_eq!(there(), spec("10.7.0.9"), "of another definition");
        define(home, "{mode: user-v2, gateway: 10.7.0.1}");
        write_definition(home, &lan, Some(&spec("10.7.0.1"))).unwrap();
        assert_eq!(there(), spec("10.7.0.1"));
        assert!(!NetworkFiles::new(home, "lan").definition().exists());
        write_definition(home, &lan, None).unwrap();
        fs::write(NetworkFiles::new(home, "lan").definition(), "{").unwrap();
        assert_eq!(there(), spec("10.7.0.1"), "damaged: nothing is allowed");
    }

    #[test]
    fn a_definition_has_a_version_and_a_later_one_costs_its_own_network_alone() {
        let home = tempfile::tempdir().unwrap();
        let (home, lan) = (home.path(), Name::new("lan").unwrap());
        let more = NetworkSpec { mtu: Some(9000), ..spec("10.7.0.1") };
        write_definition(home, &lan, Some(&more)).unwrap();
        define(home, "{mode: user-v2, gateway: 10.7.0.1, netmask: 255.255.255.0}");
        let path = NetworkFiles::new(home, "lan").definition();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("\"version\": 1"), "{text}");
        // One of before there were versions.
        fs::write(&path, serde_json::to_vec(&more).unwrap()).unwrap();
        assert_eq!(networks_config(home).unwrap().networks[&lan], more);
        fs::write(&path, text.replace("\"version\": 1", "\"version\": 2, \"new\": {}")).unwrap();
        let config = networks_config(home).unwrap();
        assert_eq!(config.networks[&lan], spec("10.7.0.1"), "what Lima has words for");
        let error = must_be_understood(home, &lan, &config.networks[&lan]).unwrap_err();
        assert!(error.to_string().ends_with("definition.json"), "{error}");
        must_be_understood(home, &Name::new("other").unwrap(), &more).unwrap();
        assert!(error.hint().is_some_and(|hint| hint.contains("that release")));
    }
}
