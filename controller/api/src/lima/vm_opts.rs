//! Settings of one driver.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `vmOpts.qemu`.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QemuOpts {
    /// The oldest QEMU that will do.
    pub minimum_version: Option<String>,
    /// The processor model per architecture.
    pub cpu_type: Option<BTreeMap<String, String>>,
}

/// Rosetta in the guest.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rosetta {
    /// Whether it is there.
    pub enabled: Option<bool>,
    /// Whether it runs x86_64 programs by itself.
    pub binfmt: Option<bool>,
}
