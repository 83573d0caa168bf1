//! Snapshots in a qcow2 file.

use std::path::Path;
use std::process::{Command, Stdio};

use limekiln_engine::EngineError;
use serde::Deserialize;

use crate::tool::cannot_start;

/// A state of a disk that can be gone back to.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub struct Snapshot {
    /// What it is called.
    #[serde(rename = "name")]
    pub tag: String,
    /// When it was made, in seconds since 1970.
    pub date_sec: i64,
    /// Bytes of the machine's memory that were kept with it; 0 for one that did not run.
    pub vm_state_size: u64,
}

#[derive(Deserialize)]
struct Info {
    #[serde(default)]
    snapshots: Vec<Snapshot>,
}

/// Those of a qcow2 file, oldest first, whether a VM has it open or not. Blocks.
pub(crate) fn snapshots(disk: &Path) -> Result<Vec<Snapshot>, EngineError> {
    let output = Command::new("qemu-img")
        .args(["info", "--force-share", "--output=json", "-f", "qcow2"])
        .arg(disk)
        .stdin(Stdio::null())
        .output()
        .map_err(cannot_start)?;
    let info = serde_json::from_slice::<Info>(&output.stdout).map_err(|_| {
        let said = String::from_utf8_lossy(&output.stderr);
        EngineError::permanent(format!("qemu-img failed: {}", said.trim()))
    })?;
    let mut snapshots = info.snapshots;
    snapshots.sort_by_key(|one| one.date_sec);
    Ok(snapshots)
}
