//! One field that differs, and what it costs to change it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a change does to a running VM, from least to most.
///
/// The order is used: a change is allowed when its cost is at most the instance's
/// `maxDisruption`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cost {
    /// Nothing in the guest is interrupted.
    Live,
    /// The VM is stopped and started; its disks stay.
    Restart,
    /// The VM is deleted (parked) and made again; what is on its own disk is lost to it.
    Recreate,
    /// Never done: it would lose data, or the engine has no way to do it.
    Refused,
}

impl Cost {
    /// The word that is shown: `live`, `restart`, `recreate` or `refused`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Restart => "restart",
            Self::Recreate => "recreate",
            Self::Refused => "refused",
        }
    }
}

/// A field whose desired value is not the observed one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Path below the object, in dotted form: `template.cpus`, `template.mounts[0].writable`.
    pub path: String,
    /// The observed value; `None` when the field is absent.
    pub from: Option<Value>,
    /// The desired value; `None` when the field is to be absent.
    pub to: Option<Value>,
    /// What the change costs on this engine.
    pub cost: Cost,
    /// Why it costs that, or why it is refused, when that is not plain from the class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Change {
    /// Whether it is `template.provision` or below it.
    pub fn is_provision(&self) -> bool {
        let below = self.path.strip_prefix("template.provision");
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with(['[', '.']))
    }
}
