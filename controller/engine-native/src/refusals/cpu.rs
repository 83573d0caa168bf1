//! `vmOpts.qemu`.

use limekiln_api::{FieldError, Lima, LimaVersion};

use super::{Host, name, refused};

/// A QEMU that is too old for the template.
pub(super) fn old(lima: &Lima, host: &Host<'_>) -> Option<FieldError> {
    let wanted = lima.qemu_opts().minimum_version?;
    let least = LimaVersion::new(&wanted).numbers()?;
    let [major, minor, micro] = host.qemu.version(host.arch)?;
    ([major, minor, micro].map(u64::from) < least).then(|| {
        let why = format!("the QEMU that is installed is {major}.{minor}.{micro}");
        let hint = format!("install QEMU {wanted} or a later one, or lower the version");
        refused("vmOpts.qemu.minimumVersion", why, hint)
    })
}

/// A processor that QEMU does not know. `host` depends on the accelerator, and is always known.
pub(super) fn unknown(lima: &Lima, host: &Host<'_>) -> Option<FieldError> {
    let word = host.arch.word();
    let model = lima.qemu_opts().cpu_type?.remove(word)?;
    let model = name(&model);
    let known = matches!(model, "" | "host" | "max") || host.qemu.lists(host.arch, "-cpu", model);
    (!known).then(|| {
        let why = format!("the QEMU that is installed has no processor {model:?} for {word}");
        let hint = format!("`qemu-system-{word} -cpu help` lists them; leave it out for the best");
        refused(&format!("vmOpts.qemu.cpuType.{word}"), why, hint)
    })
}
