//! Files that are copied to the host.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::loose;

/// A file that is copied from the guest to the host when provisioning is done.
#[serde_with::apply(Option<String> => #[serde(default, deserialize_with = "loose::text")])]
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CopyToHost {
    /// The file in the guest, an absolute path. `{{.Home}}`, `{{.User}}`, `{{.UID}}`,
    /// `{{.Name}}`, `{{.Hostname}}` and `{{.Param.KEY}}` are replaced.
    pub guest: Option<String>,
    /// The file on the host, an absolute path or one below `~/`. `{{.Dir}}` (the instance's
    /// directory), `{{.Home}}`, `{{.User}}`, `{{.UID}}`, `{{.Name}}` and `{{.Param.KEY}}` are
    /// replaced.
    pub host: Option<String>,
    /// Whether it is fine when the guest has no such file.
    #[schemars(extend("default" = false))]
    pub skip_if_missing: Option<bool>,
    /// Whether the copy is removed from the host when the VM stops.
    #[schemars(extend("default" = false))]
    pub delete_on_stop: Option<bool>,
}
