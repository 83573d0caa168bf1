//! The guest's user.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The guest's user.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Login name; the host user's unless set.
    pub name: Option<String>,
    /// Full name.
    pub comment: Option<String>,
    /// Home directory; `{{.User}}` is the name.
    pub home: Option<String>,
    /// Login shell, an absolute path.
    pub shell: Option<String>,
    /// User id; the host user's unless set.
    pub uid: Option<u32>,
    /// Whether `sudo` asks for no password.
    pub passwordless_sudo: Option<bool>,
}
