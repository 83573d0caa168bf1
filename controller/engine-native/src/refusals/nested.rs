//! `nestedVirtualization`.

use std::fs;

use limekiln_api::{Arch, FieldError, Lima};
use limekiln_hostagent::accel::{AccelVerdict, verdict};

use super::{Host, refused};

const FIELD: &str = "nestedVirtualization";

/// An emulated x86_64 or aarch64 processor can have guests of its own. An accelerated one can
/// where the accelerator says so, which of those in use is KVM on x86_64.
pub(super) fn refusal(lima: &Lima, host: &Host<'_>) -> Option<FieldError> {
    if lima.nested_virtualization != Some(true) {
        return None;
    }
    if !matches!(host.arch, Arch::X86_64 | Arch::Aarch64) {
        let why = format!("guests of {} cannot have guests here", host.arch);
        return Some(refused(FIELD, why, "remove it"));
    }
    let native = Arch::native() == Some(host.arch);
    match verdict(host.lima_home) {
        AccelVerdict::Usable(accelerator) if native && !accelerator_nests(host.arch) => {
            let why =
                format!("{accelerator} does not give guests virtualization of their own here");
            let hint = "with KVM on x86_64, load kvm_intel or kvm_amd with nested=1; or remove it";
            Some(refused(FIELD, why, hint))
        }
        _ => None,
    }
}

/// The kernel's word for it (Documentation/virt/kvm/x86/running-nested-guests.rst).
fn accelerator_nests(arch: Arch) -> bool {
    let nests = |module: &str| {
        let file = format!("/sys/module/{module}/parameters/nested");
        fs::read_to_string(file).is_ok_and(|text| matches!(text.trim(), "Y" | "1"))
    };
    arch == Arch::X86_64 && ["kvm_intel", "kvm_amd"].into_iter().any(nests)
}
