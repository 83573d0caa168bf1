//! Certificate authorities.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Certificate authorities that the guest trusts.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaCerts {
    /// Whether the distribution's own are removed.
    pub remove_defaults: Option<bool>,
    /// Files on the host with certificates.
    pub files: Option<Vec<String>>,
    /// Certificates in PEM form.
    pub certs: Option<Vec<String>>,
}
