//! Provisioning.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PinnedLocator, Text};

/// When and how a provisioning step runs.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum ProvisionMode {
    /// A script as root, at every boot.
    System,
    /// A script as the user, at every boot.
    User,
    /// A script as root, before the system is up.
    Boot,
    /// A script as root, which installs what others need.
    Dependency,
    /// A file that is written.
    Data,
    /// A YAML file that is edited.
    Yq,
    /// A playbook; deprecated by Lima.
    Ansible,
}

/// A provisioning step.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Provision {
    /// When and how it runs; `system` unless set.
    pub mode: Option<ProvisionMode>,
    /// The script.
    pub script: Option<String>,
    /// Where the script is.
    pub file: Option<PinnedLocator>,
    /// `dependency`: whether the usual packages are left out.
    pub skip_default_dependency_resolution: Option<bool>,
    /// `data`, `yq`: the file in the guest.
    pub path: Option<String>,
    /// `data`: what is written.
    pub content: Option<String>,
    /// `data`: whether an existing file is replaced.
    pub overwrite: Option<bool>,
    /// `data`, `yq`: owner and group.
    pub owner: Option<Text>,
    /// `data`, `yq`: permissions in octal.
    pub permissions: Option<Text>,
    /// `yq`: the expression.
    pub expression: Option<String>,
    /// `yq`: the file's format.
    pub format: Option<String>,
    /// `ansible`: the playbook.
    pub playbook: Option<String>,
}
