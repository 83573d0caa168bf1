//! Snapshots in an instance's disk.

use std::process::{Command, Stdio};

use limekiln_api::DiskFormat;
use limekiln_engine::EngineError;
use limekiln_hostagent::InstanceFiles;
use limekiln_model::Name;
use serde::Deserialize;

use super::ByHand;
use crate::disks::format;
use crate::tool::{cannot_start, qemu_img};

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

impl ByHand {
    /// The snapshots of an instance, oldest first. One that runs may be asked, too.
    ///
    /// # Errors
    /// If there is no such instance, or its disk cannot be read.
    pub fn snapshots(&self, name: &Name) -> Result<Vec<Snapshot>, EngineError> {
        self.must_exist(name)?;
        let disk = self.qcow2(name)?;
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

    /// Keeps the present state of a stopped instance's disk.
    ///
    /// # Errors
    /// If it runs, has such a snapshot, or its disk is not qcow2.
    pub fn create_snapshot(&self, name: &Name, tag: &str) -> Result<(), EngineError> {
        self.must_be_stopped(name)?;
        if self.snapshots(name)?.iter().any(|one| one.tag == tag) {
            return Err(EngineError::precondition(format!("instance/{name} has a snapshot {tag}"))
                .hint("choose another tag, or delete that one"));
        }
        self.snapshot(name, "-c", tag)
    }

    /// Goes back to a snapshot: what was written since is lost.
    ///
    /// # Errors
    /// If the instance runs, or has no such snapshot.
    pub fn apply_snapshot(&self, name: &Name, tag: &str) -> Result<(), EngineError> {
        self.must_have(name, tag)?;
        self.snapshot(name, "-a", tag)
    }

    /// Forgets a snapshot.
    ///
    /// # Errors
    /// If the instance runs, or has no such snapshot.
    pub fn delete_snapshot(&self, name: &Name, tag: &str) -> Result<(), EngineError> {
        self.must_have(name, tag)?;
        self.snapshot(name, "-d", tag)
    }

    fn must_have(&self, name: &Name, tag: &str) -> Result<(), EngineError> {
        self.must_be_stopped(name)?;
        if self.snapshots(name)?.iter().any(|one| one.tag == tag) {
            return Ok(());
        }
        Err(EngineError::precondition(format!("instance/{name} has no snapshot {tag}"))
            .hint(format!("`limekiln snapshot list {name}` shows those that it has")))
    }

    fn snapshot(&self, name: &Name, what: &str, tag: &str) -> Result<(), EngineError> {
        let disk = self.qcow2(name)?;
        qemu_img(["snapshot".as_ref(), what.as_ref(), tag.as_ref(), disk.as_os_str()])
    }

    fn qcow2(&self, name: &Name) -> Result<std::path::PathBuf, EngineError> {
        let disk = InstanceFiles::new(self.paths.instance(name)).disk();
        if format(&disk) == DiskFormat::Qcow2 {
            return Ok(disk);
        }
        Err(EngineError::permanent(format!(
            "the disk of instance/{name} is raw, and keeps no snapshots"
        ))
        .hint(format!("copy the instance instead: limekiln clone {name} NEW")))
    }
}
