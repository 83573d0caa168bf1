//! Who uses a network.

use std::fs;
use std::path::Path;

use limekiln_api::{HostFacts, Lima, read_lima};
use limekiln_hostagent::InstanceFiles;
use limekiln_model::Name;

use crate::observe::lives;
use crate::paths::Paths;

/// An instance of which something lives and that uses the network. One whose configuration cannot
/// be read may be one.
pub(super) fn user(paths: &Paths, facts: &HostFacts, network: &Name) -> Option<String> {
    let by_default = uses(&facts.defaults, network) || uses(&facts.overrides, network);
    let entries = fs::read_dir(paths.home()).into_iter().flatten().flatten();
    let mut instances = entries.filter(|entry| {
        let name = entry.file_name();
        name.to_str().is_some_and(|name| Name::new(name).is_ok()) && lives(&entry.path())
    });
    let user = instances.find(|entry| by_default || may_use(&entry.path(), network));
    user.map(|entry| entry.file_name().to_string_lossy().into_owned())
}

fn may_use(dir: &Path, network: &Name) -> bool {
    let files = InstanceFiles::new(dir);
    if let Some(booted) = files.read_booted() {
        return uses(&booted, network);
    }
    let text = fs::read_to_string(files.lima_yaml()).unwrap_or_default();
    read_lima(&text).map_or(true, |lima| uses(&lima, network))
}

fn uses(lima: &Lima, network: &Name) -> bool {
    let mut networks = lima.networks.iter().flatten();
    networks.any(|one| one.lima.as_deref() == Some(network.as_str()))
}
