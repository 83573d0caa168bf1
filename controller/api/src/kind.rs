//! The kinds of manifests.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a manifest describes.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
pub enum Kind {
    /// A virtual machine.
    Instance,
    /// An additional disk.
    Disk,
    /// A network that instances share.
    Network,
}

/// A text that names no kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a kind: Instance, Disk or Network")]
pub struct KindError(String);

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Instance, Self::Disk, Self::Network];

    /// As manifests write it: `Instance`.
    pub fn camel(self) -> &'static str {
        match self {
            Self::Instance => "Instance",
            Self::Disk => "Disk",
            Self::Network => "Network",
        }
    }

    /// As commands write it: `instance`.
    pub fn singular(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Disk => "disk",
            Self::Network => "network",
        }
    }

    /// Many of them: `instances`.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Instance => "instances",
            Self::Disk => "disks",
            Self::Network => "networks",
        }
    }

    /// Short names: `inst`, `vm`.
    pub fn short(self) -> &'static [&'static str] {
        match self {
            Self::Instance => &["inst", "vm"],
            Self::Disk => &["dsk"],
            Self::Network => &["net"],
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.singular())
    }
}

/// Any case of the singular, the plural or a short name.
impl FromStr for Kind {
    type Err = KindError;
    fn from_str(text: &str) -> Result<Self, KindError> {
        let lower = text.to_lowercase();
        Self::ALL
            .into_iter()
            .find(|kind| {
                lower == kind.singular()
                    || lower == kind.plural()
                    || kind.short().contains(&lower.as_str())
            })
            .ok_or_else(|| KindError(text.to_owned()))
    }
}
