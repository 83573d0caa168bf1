//! What this host, as it is now, cannot give an instance: said when it is planned, with what to do.

mod cpu;
mod nested;
mod provision;
mod qemu;
mod screen;
mod sound;
mod tpm;

use std::path::Path;

use limekiln_api::{Arch, FieldError, Lima};

pub(crate) use qemu::InstalledQemu;

/// What a field is refused on.
struct Host<'a> {
    qemu: &'a InstalledQemu,
    arch: Arch,
    lima_home: &'a Path,
}

/// All reasons against a filled configuration. Those who ask for nothing special cost nothing.
pub(crate) fn refusals(lima: &Lima, qemu: &InstalledQemu, lima_home: &Path) -> Vec<FieldError> {
    // Another hypervisor is another engine's.
    if lima.vm_type.as_deref().is_some_and(|driver| driver != "qemu") {
        return Vec::new();
    }
    let arch = lima.arch.or_else(Arch::native).unwrap_or(Arch::X86_64);
    let host = Host { qemu, arch, lima_home };
    let all = [
        screen::refusal(lima, &host),
        sound::refusal(lima, &host),
        tpm::refusal(lima),
        nested::refusal(lima, &host),
        cpu::old(lima, &host),
        cpu::unknown(lima, &host),
    ];
    let steps = provision::refusals(lima);
    all.into_iter().flatten().chain(steps).collect()
}

/// A reason against a field, by its path below the template.
fn refused(field: &str, why: impl Into<String>, hint: impl Into<String>) -> FieldError {
    FieldError::new(format!("spec.template.{field}"), why).hint(hint)
}

/// The name before the options.
fn name(value: &str) -> &str {
    value.split(',').next().unwrap_or_default()
}

/// Whether `program` is on the path.
fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}
