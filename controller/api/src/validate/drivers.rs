//! Rules about drivers and what they can do.

use serde::Deserialize;
use serde_json::Value;

use super::findings::Findings;
use crate::lima::{MountType, QemuOpts, VzOpts};
use crate::nearest::nearest;
use crate::{HostFacts, Lima, LimaVersion};

/// Lima's own drivers. Its templates may name them on every host.
const BUILT_IN: [&str; 3] = ["qemu", "vz", "wsl2"];

pub(super) fn check(lima: &Lima, host: &HostFacts, findings: &mut Findings) {
    if let Some(driver) = lima.vm_type.as_deref() {
        known(driver, host, findings);
        mount_type(lima, driver, host, findings);
        if driver == "vz" && lima.tpm == Some(true) {
            findings.error("tpm", "the driver vz has no TPM", "remove it, or use `vmType: qemu`");
        }
    }
    if let Some(value) = option(lima, "qemu") {
        shape::<QemuOpts>("qemu", value, &["minimumVersion", "cpuType"], findings);
        minimum_version(lima, findings);
    }
    if let Some(value) = option(lima, "vz") {
        shape::<VzOpts>("vz", value, &["rosetta", "diskImageFormat"], findings);
    }
}

fn option<'a>(lima: &'a Lima, driver: &str) -> Option<&'a Value> {
    lima.vm_opts.as_ref()?.get(driver).filter(|value| !value.is_null())
}

fn known(driver: &str, host: &HostFacts, findings: &mut Findings) {
    let drivers = || BUILT_IN.into_iter().chain(host.drivers.iter().map(String::as_str));
    if drivers().any(|known| known == driver) {
        return;
    }
    let hint = match nearest(driver, drivers()) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("leave it out, or write one of {}", BUILT_IN.join(", ")),
    };
    findings.error("vmType", format!("there is no driver {driver:?} here"), hint);
}

/// Lima lets each driver say which it can.
fn mount_type(lima: &Lima, driver: &str, host: &HostFacts, findings: &mut Findings) {
    let Some(kind) = lima.mount_type else { return };
    let unsupported = lima.mount_types_unsupported.as_deref().unwrap_or_default();
    if unsupported.contains(&kind) {
        let message = format!("{} is listed in `mountTypesUnsupported`", kind.word());
        findings.error("mountType", message, "choose another, or leave it out");
    }
    let possible: &[MountType] = match driver {
        "qemu" if host.os == "linux" => {
            &[MountType::ReverseSshfs, MountType::NineP, MountType::Virtiofs]
        }
        "qemu" => &[MountType::ReverseSshfs, MountType::NineP],
        "vz" => &[MountType::ReverseSshfs, MountType::Virtiofs],
        _ => return,
    };
    if !possible.contains(&kind) {
        let words: Vec<_> = possible.iter().map(|kind| kind.word()).collect();
        let message = format!("the driver {driver} has no {} on this host", kind.word());
        findings.error("mountType", message, format!("write one of {}", words.join(", ")));
    }
}

/// Lima ignores keys that it does not know; nobody writes them on purpose.
fn shape<'de, T: Deserialize<'de>>(
    driver: &str,
    value: &'de Value,
    keys: &[&str],
    findings: &mut Findings,
) {
    if let Err(error) = T::deserialize(value) {
        let hint = format!("see `limekiln explain lima.vmOpts.{driver}`");
        return findings.error(format!("vmOpts.{driver}"), error.to_string(), hint);
    }
    for key in value.as_object().into_iter().flat_map(|fields| fields.keys()) {
        if keys.contains(&key.as_str()) {
            continue;
        }
        let hint = match nearest(key, keys.iter().copied()) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => format!("it knows {}", keys.join(" and ")),
        };
        let message = format!("the driver {driver} does not know `{key}`");
        findings.warning(format!("vmOpts.{driver}.{key}"), message, hint);
    }
}

fn minimum_version(lima: &Lima, findings: &mut Findings) {
    let version = lima.qemu_opts().minimum_version;
    if let Some(text) = version.filter(|text| LimaVersion::new(text).numbers().is_none()) {
        let message = format!("{text:?} is not a version");
        findings.error("vmOpts.qemu.minimumVersion", message, "write three numbers, as 9.1.0");
    }
}
