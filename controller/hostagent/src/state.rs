//! What a new host agent needs to adopt a running VM, in `hostagent.json`.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::accel::Accelerator;
use crate::{DnsPorts, Error, atomic};

/// The version that this program writes. A newer one is refused.
const VERSION: u32 = 1;

/// The running VM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct State {
    pub(crate) version: u32,
    pub(crate) driver_pid: u32,
    /// Tells the process from a later one with the same pid.
    pub(crate) driver_start_time: u64,
    pub(crate) ssh_local_port: u16,
    pub(crate) instance_id: String,
    /// Where the guest asks for names.
    #[serde(default)]
    pub(crate) dns_ports: Option<DnsPorts>,
    pub(crate) accelerator: Accelerator,
    pub(crate) fallback_reason: Option<String>,
    pub(crate) started_at: Timestamp,
    /// The guest was ready, so it is not waited for again.
    pub(crate) ready: bool,
    pub(crate) errors: Vec<String>,
}

impl State {
    pub(crate) fn version() -> u32 {
        VERSION
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::file("write", path)(error.into()))?;
        atomic::write(path, &text, 0o600)
    }

    /// The state, or in words why there is none.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let state: Self = serde_json::from_slice(&text)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        if state.version > VERSION {
            return Err(format!("{} was written by a newer version", path.display()));
        }
        Ok(state)
    }
}
