//! Display.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::loose;

/// The guest's display.
#[serde_with::apply(Option<String> => #[serde(default, deserialize_with = "loose::text")])]
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Video {
    /// Where the display is shown: `none`, `vnc`, or with QEMU `default`, `cocoa`, `sdl`, `gtk`.
    #[schemars(extend("default" = "none"))]
    pub display: Option<String>,
    /// Settings of VNC, for `display: vnc`.
    pub vnc: Option<Vnc>,
}

/// Settings of VNC.
#[serde_with::apply(Option<String> => #[serde(default, deserialize_with = "loose::text")])]
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Vnc {
    /// Address, display and options as QEMU takes them.
    #[schemars(extend("default" = "127.0.0.1:0,to=9"))]
    pub display: Option<String>,
}
