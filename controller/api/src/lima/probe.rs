//! Probes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PinnedLocator;

/// What a probe decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProbeMode {
    /// Whether the instance is ready.
    Readiness,
}

/// A script in the guest that must succeed before the instance is ready.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// What it decides.
    pub mode: Option<ProbeMode>,
    /// What is waited for, in words.
    pub description: Option<String>,
    /// The script, which starts with `#!`.
    pub script: Option<String>,
    /// Where the script is.
    pub file: Option<PinnedLocator>,
    /// What to do when it fails.
    pub hint: Option<String>,
}
