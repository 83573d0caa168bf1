//! Snapshots in a qcow2 file.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use limekiln_api::DiskFormat;
use limekiln_engine::EngineError;
use limekiln_hostagent::{SnapshotWork, mend};
use serde::Deserialize;

use crate::disks::format;
use crate::error::write;
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

/// What is done with a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Keep,
    GoBack,
    Forget,
}

impl Change {
    fn option(self) -> &'static str {
        match self {
            Self::Keep => "-c",
            Self::GoBack => "-a",
            Self::Forget => "-d",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Keep => "keeping",
            Self::GoBack => "going back to",
            Self::Forget => "forgetting",
        }
    }
}

/// Those of the disks that have a snapshot of this name. Blocks.
pub(crate) fn with_tag(disks: Vec<PathBuf>, tag: &str) -> Result<Vec<PathBuf>, EngineError> {
    let mut with = Vec::new();
    for disk in disks.into_iter().filter(|disk| format(disk) == DiskFormat::Qcow2) {
        if snapshots(&disk)?.iter().any(|one| one.tag == tag) {
            with.push(disk);
        }
    }
    Ok(with)
}

/// Does it on disks that no VM has open. Whenever it is killed, each disk is as before or after when
/// it is used next. Blocks.
pub(crate) fn change(disks: &[PathBuf], tag: &str, change: Change) -> Result<(), EngineError> {
    let mended = disks.iter().try_for_each(|disk| mend(disk).map(drop));
    let marked = mended.and_then(|()| {
        let what = format!("{} snapshot {tag}", change.words());
        SnapshotWork::begin(disks.iter().map(|disk| &**disk), &what)
    });
    let work = marked.map_err(write)?;
    for disk in disks {
        qemu_img([OsStr::new("snapshot"), change.option().as_ref(), tag.as_ref(), disk.as_ref()])?;
    }
    work.end();
    Ok(())
}
