//! One instance, from its files.

use std::fs;
use std::path::Path;

use limekiln_api::{HostFacts, Lima, LimaVersion, fill_as, read_lima};
use limekiln_hostagent::InstanceFiles;
use limekiln_model::{InstancePhase, Name, ObservedInstance};

use super::process::{agent_pid, driver_pid};
use crate::instance::disk_bytes;
use crate::paths::Paths;

/// Reads an instance; one that runs counts as booting until its host agent has been asked.
pub(super) fn read(paths: &Paths, facts: &HostFacts, name: &Name) -> ObservedInstance {
    let dir = paths.instance(name);
    let creator = InstanceFiles::new(&dir).creator();
    let (config, phase) = match config(&dir, name, facts, &creator) {
        Ok(config) => (Some(config.into()), phase(&dir)),
        Err(why) => (None, InstancePhase::Broken { why }),
    };
    ObservedInstance {
        phase,
        creator,
        config,
        booted: None,
        disk_bytes: disk_bytes(&dir),
        ssh_port: None,
        accelerator: None,
        waiting_for: None,
        protected: dir.join("protected").symlink_metadata().is_ok(),
        mounts: Vec::new(),
        dir,
    }
}

/// The stored configuration, filled.
fn config(
    dir: &Path,
    name: &Name,
    facts: &HostFacts,
    creator: &LimaVersion,
) -> Result<Lima, String> {
    let text = fs::read_to_string(dir.join("lima.yaml")).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "it has no lima.yaml".to_owned(),
        _ => format!("its lima.yaml cannot be read: {error}"),
    })?;
    let lima =
        read_lima(&text).map_err(|error| format!("its lima.yaml cannot be read: {error}"))?;
    Ok(fill_as(&lima, name, facts, creator))
}

fn phase(dir: &Path) -> InstancePhase {
    match (agent_pid(dir), driver_pid(dir)) {
        (Some(_), _) => InstancePhase::Booting,
        (None, Some(pid)) => InstancePhase::Broken {
            why: format!("its VM (process {pid}) runs without a host agent"),
        },
        (None, None) => InstancePhase::Stopped,
    }
}
