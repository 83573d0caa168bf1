//! `mounts.json`: the processes behind the mounts, so that a new host agent finds them.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::daemon::DaemonRecord;
use super::link::LinkRecord;
use crate::spec::MountSpec;
use crate::{atomic, chain};

/// One mount that is in place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) mount: MountSpec,
    pub(super) processes: Processes,
}

/// What serves a mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Processes {
    /// ssh and an SFTP server.
    Link(LinkRecord),
    /// virtiofsd.
    Daemon(DaemonRecord),
}

/// What was written last; nothing if that can't be read: then everything is mounted anew.
pub(super) fn read(path: &Path) -> Vec<Record> {
    let text = fs::read(path).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// A full disk must not cost a mount, so a failure is only logged.
pub(super) fn write(path: &Path, records: &[Record]) {
    let text = serde_json::to_vec(records).unwrap_or_default();
    if let Err(error) = atomic::write(path, &text, 0o600) {
        tracing::warn!("a new host agent would mount anew: {}", chain(&error));
    }
}
