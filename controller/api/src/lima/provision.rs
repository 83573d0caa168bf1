//! Provisioning.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PinnedLocator, Text, loose};

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

impl ProvisionMode {
    /// Lima's name: `system`, `data`.
    pub fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Boot => "boot",
            Self::Dependency => "dependency",
            Self::Data => "data",
            Self::Yq => "yq",
            Self::Ansible => "ansible",
        }
    }
}

/// A provisioning step. In texts `{{.Home}}`, `{{.User}}`, `{{.UID}}`, `{{.Name}}`,
/// `{{.Hostname}}` and `{{.Param.KEY}}` are replaced; scripts also have `$PARAM_KEY`.
#[serde_with::apply(Option<String> => #[serde(default, deserialize_with = "loose::text")])]
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Provision {
    /// When and how it runs.
    #[serde(default, deserialize_with = "loose::or_empty")]
    #[schemars(extend("default" = "system"))]
    pub mode: Option<ProvisionMode>,
    /// The script, in every mode but `data` and `yq`.
    pub script: Option<String>,
    /// Where the script or the content is, instead of `script`, `content` or `expression`.
    pub file: Option<PinnedLocator>,
    /// With `dependency`: whether the packages that Lima itself installs are left out.
    #[schemars(extend("default" = false))]
    pub skip_default_dependency_resolution: Option<bool>,
    /// With `data` and `yq`: the file in the guest, an absolute path.
    pub path: Option<String>,
    /// With `data`: what is written.
    #[schemars(extend("default" = ""))]
    pub content: Option<String>,
    /// With `data`: whether an existing file is replaced.
    #[schemars(extend("default" = true))]
    pub overwrite: Option<bool>,
    /// With `data` and `yq`: owner and group of the file, as `chown` takes them.
    #[schemars(extend("x-limekiln-default" = "root:root; root:wheel in macOS and FreeBSD"))]
    pub owner: Option<Text>,
    /// With `data` and `yq`: the file's permissions, an octal number such as 644. Without quotes
    /// it must not start with 0, which YAML takes for octal and turns into another number.
    #[schemars(extend("default" = "644"))]
    pub permissions: Option<Text>,
    /// With `yq`: the expression that edits the file.
    pub expression: Option<String>,
    /// With `yq`: the file's format, such as `yaml`, `json` or `toml`; `auto` goes by its name.
    #[schemars(extend("default" = "auto"))]
    pub format: Option<String>,
    /// With `ansible`: the playbook on the host. Deprecated: run `ansible-playbook` yourself.
    #[schemars(extend("deprecated" = true))]
    pub playbook: Option<String>,
}
