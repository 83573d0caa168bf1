//! Certificate authorities.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::loose;

/// Certificate authorities that the guest trusts beside those of its distribution.
#[serde_with::apply(Option<Vec<String>> => #[serde(default, deserialize_with = "loose::texts")])]
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaCerts {
    /// Whether the guest stops trusting the authorities that its distribution trusts.
    #[schemars(extend("default" = false))]
    pub remove_defaults: Option<bool>,
    /// Files on the host, each with certificates in PEM form.
    pub files: Option<Vec<String>>,
    /// Certificates in PEM form, written here.
    pub certs: Option<Vec<String>>,
}
