//! Which files the seed volume holds.

use std::collections::BTreeMap;

use super::{Archive, lima_env, network_config, scripts, user_data};
use crate::DnsPorts;
use crate::spec::GuestSpec;

/// What a seed is made from.
#[derive(Clone, Copy, Debug)]
pub struct Seed<'a> {
    /// The guest.
    pub guest: &'a GuestSpec,
    /// A new one at every start, so that cloud-init runs again.
    pub instance_id: &'a str,
    /// Public keys that are let in.
    pub keys: &'a [String],
    /// The program for the guest; `None` for a plain guest, or where there is none.
    pub guest_agent: Option<&'a [u8]>,
    /// What containerd is installed from, where the guest gets it.
    pub containerd: Option<&'a Archive>,
    /// Where the guest reaches the host agent's name server, if it has one.
    pub dns: Option<DnsPorts>,
}

/// Files by path.
pub type Contents = BTreeMap<String, String>;

/// All files of the seed volume.
pub fn contents(seed: &Seed<'_>) -> Contents {
    let mut files = Contents::new();
    let mut add = |path: &str, text: String| files.insert(path.to_owned(), text);
    add("meta-data", meta_data(seed));
    add("user-data", user_data::user_data(seed));
    add("network-config", network_config::network_config(seed.guest));
    add("lima.env", lima_env::lima_env(seed));
    add("param.env", lima_env::param_env(seed.guest));
    add("etc_environment", lima_env::etc_environment(seed.guest));
    add("ssh_authorized_keys", lines(seed.keys.iter().map(String::as_str)));
    if !seed.guest.hosts.is_empty() {
        add("etc_hosts", lines(seed.guest.hosts.iter().map(String::as_str)));
    }
    for (path, text) in scripts::SCRIPTS {
        add(path, (*text).to_owned());
    }
    for (index, step) in seed.guest.steps.iter().enumerate() {
        add(&format!("provision.{}/{index:08}", step.kind.word()), step.text.clone());
    }
    files
}

fn meta_data(seed: &Seed<'_>) -> String {
    format!("instance-id: {}\nlocal-hostname: {}\n", seed.instance_id, seed.guest.hostname)
}

fn lines<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.map(|line| format!("{line}\n")).collect()
}
