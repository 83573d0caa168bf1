//! SSH.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Int;

/// How the guest is reached by SSH.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ssh {
    /// The port on 127.0.0.1 of the host; 0 takes a free one at every start.
    #[schemars(extend("default" = 0, "minimum" = 0, "maximum" = 65535))]
    pub local_port: Option<Int>,
    /// Whether the host user's own keys, `~/.ssh/*.pub`, are let in, too.
    #[serde(rename = "loadDotSSHPubKeys")]
    #[schemars(extend("default" = false))]
    pub load_dot_ssh_pub_keys: Option<bool>,
    /// Whether programs in the guest can use the host's SSH agent.
    #[schemars(extend("default" = false))]
    pub forward_agent: Option<bool>,
    /// Whether windows of the guest are shown on the host by X11.
    #[serde(rename = "forwardX11")]
    #[schemars(extend("default" = false))]
    pub forward_x11: Option<bool>,
    /// Whether X11 is forwarded without the restrictions for programs that are not trusted.
    #[serde(rename = "forwardX11Trusted")]
    #[schemars(extend("default" = false))]
    pub forward_x11_trusted: Option<bool>,
    /// Whether SSH goes over vsock instead of the network, where the driver can.
    #[schemars(extend("x-limekiln-default" = "true for Linux guests with the driver vz"))]
    pub over_vsock: Option<bool>,
}
