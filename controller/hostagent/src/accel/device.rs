//! The device file: necessary, not sufficient.

use std::fs::OpenOptions;

/// Where it is.
pub(super) const KVM: &str = "/dev/kvm";

/// Whether the device opens as QEMU opens it.
pub(crate) fn kvm_opens() -> bool {
    OpenOptions::new().read(true).write(true).open(KVM).is_ok()
}
