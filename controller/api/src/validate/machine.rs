//! Rules about versions, size and devices.

use super::checks::{Checks, PathKind};
use super::findings::Findings;
use crate::lima::{Arch, Os};
use crate::{Lima, LimaVersion};

/// Most guests do not get through their boot with less.
const LITTLE_MEMORY: u64 = 64 << 20;

/// Where most systems have the time zones that they know.
const ZONES: &str = "/usr/share/zoneinfo";

pub(super) fn check(lima: &Lima, checks: &Checks<'_>, findings: &mut Findings) {
    version(lima, findings);
    timezone(lima, checks, findings);
    if lima.base.is_some() {
        findings.error(
            "base",
            "the templates that this one builds on are not merged in",
            "copy their fields here",
        );
    }
    size(lima, findings);
    devices(lima, findings);
    resolver(lima, findings);
}

fn version(lima: &Lima, findings: &mut Findings) {
    let Some(text) = &lima.minimum_lima_version else { return };
    let current = LimaVersion::current();
    match LimaVersion::new(text).numbers() {
        None => findings.error(
            "minimumLimaVersion",
            format!("{text:?} is not a version"),
            "write three numbers, such as 2.0.0",
        ),
        Some(wanted) if !current.is_at_least(wanted) => findings.error(
            "minimumLimaVersion",
            format!("the template needs Lima {text}, and this program behaves as Lima {current}"),
            "use a newer limekiln, or lower the version if the template does not need it",
        ),
        Some(_) => {}
    }
}

/// Lima hands it to the guest, which ignores one that it does not know. The guest's are nearly
/// those of the host.
fn timezone(lima: &Lima, checks: &Checks<'_>, findings: &mut Findings) {
    let Some(zone) = lima.timezone.as_deref().filter(|zone| !zone.is_empty()) else { return };
    let kind = |zone: &str| checks.kind(&format!("{ZONES}/{zone}"));
    let odd = zone.starts_with('/') || zone.contains("..") || zone.contains(char::is_whitespace);
    let known = kind("Etc/UTC") != PathKind::File || kind(zone) != PathKind::Missing;
    if odd || !known {
        let message = format!("{zone:?} is no time zone that this host knows");
        let hint = "write for example Europe/Berlin or Etc/UTC; the guest may ignore another";
        findings.warning("timezone", message, hint);
    }
}

fn size(lima: &Lima, findings: &mut Findings) {
    if lima.cpus.is_some_and(|cpus| !(1..=1024).contains(&cpus.0)) {
        findings.error("cpus", "must be between 1 and 1024", "leave it out for the default");
    }
    match lima.memory {
        Some(memory) if memory.0 < 1 << 20 => {
            let hint = "write for example 4GiB; a number without a unit is bytes";
            findings.error("memory", format!("{memory} is too little for any guest"), hint);
        }
        Some(memory) if memory.0 < LITTLE_MEMORY => {
            let hint = "most guests need 512MiB or more";
            findings.warning("memory", format!("{memory} is very little"), hint);
        }
        _ => {}
    }
    if lima.disk.is_some_and(|disk| disk.0 == 0) {
        findings.error("disk", "must be more than 0", "write for example 40GiB");
    }
}

fn devices(lima: &Lima, findings: &mut Findings) {
    let has_tpm = matches!(
        lima.arch,
        None | Some(Arch::X86_64 | Arch::Aarch64 | Arch::Armv7l | Arch::Riscv64)
    );
    if lima.tpm == Some(true) && !has_tpm {
        let message = format!("{} has no TPM", lima.arch.map_or("it", Arch::word));
        findings.error("tpm", message, "remove it, or choose another `arch`");
    }
    if lima.os == Some(Os::Windows) {
        if lima.arch.is_some_and(|arch| !matches!(arch, Arch::X86_64 | Arch::Aarch64)) {
            findings.error("arch", "Windows runs on x86_64 and aarch64 only", "choose one of them");
        }
        if lima.vm_type.as_deref() != Some("qemu") {
            findings.error("vmType", "Windows guests run with QEMU only", "write `vmType: qemu`");
        }
    }
    let interface = lima.audio.as_ref().and_then(|audio| audio.interface.as_deref());
    if let Some(other) = interface.filter(|name| !["", "hda", "virtio"].contains(name)) {
        let message = format!("there is no sound card {other:?}");
        findings.error("audio.interface", message, "write `hda` or `virtio`");
    }
}

fn resolver(lima: &Lima, findings: &mut Findings) {
    let enabled = lima.host_resolver.as_ref().and_then(|resolver| resolver.enabled) == Some(true);
    if enabled && lima.dns.as_ref().is_some_and(|dns| !dns.is_empty()) {
        findings.error(
            "dns",
            "has no effect while the host's resolver answers",
            "set `hostResolver.enabled: false`, or remove `dns`",
        );
    }
}
