//! What a host agent can be told to do with a VM that runs.

use serde::{Deserialize, Serialize};

/// The body of `POST /v1/limekiln/orders`. Each may be given again: what is done already is not
/// done twice. It is carried out also if whoever gave it goes away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Order {
    /// Make a disk at least this large, and the file system in the guest with it.
    GrowDisk {
        /// Its name; `None` for the instance's own.
        disk: Option<String>,
        /// Bytes.
        bytes: u64,
    },
    /// Plug in an additional disk of `lima.yaml`, and mount it as at boot.
    AttachDisk {
        /// Its name.
        disk: String,
    },
    /// Keep the state of memory and disks under a new tag.
    SaveSnapshot {
        /// The tag.
        tag: String,
    },
    /// Keep the state of the disks alone, which goes also where that of memory does not.
    SaveDisks {
        /// The tag. That it is there already is fine.
        tag: String,
    },
    /// Run the readiness probes of `lima.yaml`; each is tried until it succeeds, for a minute at most.
    Probe,
    /// Run the steps of `provision` that `lima.yaml` has now and the guest has not run since its boot.
    /// A step that is gone is not undone.
    Provision,
    /// Go back to a state of memory and disks.
    LoadSnapshot {
        /// The tag.
        tag: String,
    },
    /// Forget a state.
    DeleteSnapshot {
        /// The tag. That it is not there is fine.
        tag: String,
    },
    /// Unmount an additional disk, and plug it out.
    DetachDisk {
        /// Its name.
        disk: String,
    },
}
