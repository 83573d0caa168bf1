//! Probes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PinnedLocator, loose};

/// What a probe decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProbeMode {
    /// Whether the instance is ready.
    Readiness,
}

/// A script in the guest that must succeed before the instance is ready.
#[serde_with::apply(Option<String> => #[serde(default, deserialize_with = "loose::text")])]
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// What it decides.
    #[serde(default, deserialize_with = "loose::or_empty")]
    #[schemars(extend("default" = "readiness"))]
    pub mode: Option<ProbeMode>,
    /// What is waited for, in words.
    #[schemars(extend("x-limekiln-default" = "`user probe` and its number"))]
    pub description: Option<String>,
    /// The script; it starts with `#!`. `{{.Home}}`, `{{.User}}`, `{{.UID}}`, `{{.Name}}`,
    /// `{{.Hostname}}` and `{{.Param.KEY}}` are replaced.
    pub script: Option<String>,
    /// Where the script is, instead of `script`.
    pub file: Option<PinnedLocator>,
    /// What to do when it fails, in words.
    pub hint: Option<String>,
}
