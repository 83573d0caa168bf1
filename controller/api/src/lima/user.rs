//! The guest's user.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::loose;

/// The guest's user.
#[serde_with::apply(
    Option<String> => #[serde(default, deserialize_with = "loose::text")],
    Option<u32> => #[serde(default, deserialize_with = "loose::number")],
)]
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The login name.
    #[schemars(extend("x-limekiln-default" = "the host user's where Linux allows it, else `lima`"))]
    pub name: Option<String>,
    /// The full name.
    #[schemars(extend("x-limekiln-default" = "the host user's"))]
    pub comment: Option<String>,
    /// The home directory. `{{.User}}`, `{{.UID}}`, `{{.Name}}`, `{{.Hostname}}` and
    /// `{{.Param.KEY}}` are replaced.
    #[schemars(extend("x-limekiln-default" = "/home/NAME.guest; /home/NAME.linux where a Lima before 2.1 made the instance; /Users/NAME.guest in macOS"))]
    pub home: Option<String>,
    /// The login shell, an absolute path.
    #[schemars(extend("x-limekiln-default" = "/bin/bash; /bin/zsh in macOS, /bin/sh in FreeBSD, cmd.exe in Windows"))]
    pub shell: Option<String>,
    /// The user id; it must not be 0.
    #[schemars(extend("x-limekiln-default" = "the host user's, or 1000 for root"))]
    pub uid: Option<u32>,
    /// Whether `sudo` asks for no password. `false` needs `plain: true`.
    #[schemars(extend("x-limekiln-default" = "true; false in macOS"))]
    pub passwordless_sudo: Option<bool>,
}
