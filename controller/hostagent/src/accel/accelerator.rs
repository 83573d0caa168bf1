//! The accelerators.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What runs the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Accelerator {
    /// Linux's hypervisor.
    Kvm,
    /// macOS's hypervisor.
    Hvf,
    /// QEMU's emulation: works everywhere, many times slower.
    Tcg,
}

impl Accelerator {
    /// QEMU's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Hvf => "hvf",
            Self::Tcg => "tcg",
        }
    }
}

impl fmt::Display for Accelerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
