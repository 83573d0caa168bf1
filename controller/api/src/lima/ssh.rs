//! SSH.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Int;

/// How the guest is reached by SSH.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ssh {
    /// The port on the host; 0 or unset takes a free one at every start.
    pub local_port: Option<Int>,
    /// Whether the host user's own keys are let in, too.
    #[serde(rename = "loadDotSSHPubKeys")]
    pub load_dot_ssh_pub_keys: Option<bool>,
    /// Whether the SSH agent is forwarded.
    pub forward_agent: Option<bool>,
    /// Whether X11 is forwarded.
    #[serde(rename = "forwardX11")]
    pub forward_x11: Option<bool>,
    /// Whether X11 is forwarded as trusted.
    #[serde(rename = "forwardX11Trusted")]
    pub forward_x11_trusted: Option<bool>,
    /// Whether SSH goes over vsock.
    pub over_vsock: Option<bool>,
}
