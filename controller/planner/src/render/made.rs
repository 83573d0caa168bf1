//! What a step makes, in one line.

use limekiln_api::{ByteSize, Lima};
use limekiln_model::Action;

/// The machine or the disk that a step makes; nothing for other steps.
pub(super) fn made(action: &Action) -> Option<String> {
    match action {
        Action::CreateInstance { filled, .. } => Some(machine(filled)),
        Action::CreateDisk { spec, .. } => Some(format!("{} {}", spec.size, spec.format.word())),
        Action::DefineNetwork { spec, .. } => {
            let gateway = spec.gateway.map(|gateway| format!("gateway {gateway}"));
            let mtu = spec.mtu.map(|mtu| format!("MTU {mtu}"));
            let allow = Some(&spec.allow).filter(|allow| !allow.is_empty());
            let allow = allow.map(|allow| format!("guests may reach {}", allow.join(", ")));
            let parts: Vec<_> = [gateway, mtu, allow].into_iter().flatten().collect();
            (!parts.is_empty()).then(|| parts.join(", "))
        }
        _ => None,
    }
}

/// `2 CPUs, 1GiB memory, 10GiB disk, x86_64, debian-12.qcow2`
fn machine(filled: &Lima) -> String {
    let sized = |size: Option<ByteSize>, what| size.map(|size| format!("{size} {what}"));
    let cpus = filled.cpus.map(|cpus| match cpus.0 {
        1 => "1 CPU".to_owned(),
        count => format!("{count} CPUs"),
    });
    let parts = [
        cpus,
        sized(filled.memory, "memory"),
        sized(filled.disk, "disk"),
        filled.arch.map(|arch| arch.to_string()),
        filled.usable_images().next().map(|image| last_part(&image.location).to_owned()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The file's name, which says enough; `describe` and the manifest have the rest.
fn last_part(location: &str) -> &str {
    location.rsplit('/').next().unwrap_or(location)
}
