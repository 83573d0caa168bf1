//! What Lima calls experimental.

use super::findings::Findings;
use crate::lima::{Arch, MountType, Os};
use crate::{HostFacts, Lima};

pub(super) fn check(lima: &Lima, host: &HostFacts, findings: &mut Findings) {
    let rare =
        matches!(lima.arch, Some(Arch::Riscv64 | Arch::Armv7l | Arch::S390x | Arch::Ppc64le));
    let display = lima.video.as_ref().and_then(|video| video.display.as_deref());
    let device = lima.audio.as_ref().and_then(|audio| audio.device.as_deref());
    let sudo = lima.user.as_ref().and_then(|user| user.passwordless_sudo);
    let without_sudo = sudo == Some(false) && lima.os != Some(Os::Darwin);
    let virtiofs = lima.mount_type == Some(MountType::Virtiofs)
        && host.os == "linux"
        && lima.vm_type.as_deref() == Some("qemu")
        && lima.mounts.as_ref().is_some_and(|mounts| !mounts.is_empty());
    let uses = [
        ("os", lima.os == Some(Os::Windows), "Windows guests are"),
        ("mountType", virtiofs, "virtiofs on Linux is"),
        ("arch", rare, "this architecture is"),
        ("video.display", display.is_some_and(|display| display.contains("vnc")), "VNC is"),
        ("audio.device", device.is_some_and(|device| !device.is_empty()), "sound is"),
        ("mountInotify", lima.mount_inotify == Some(true), "announcing changes of files is"),
        ("user.passwordlessSudo", without_sudo, "a `sudo` that asks for a password is"),
    ];
    for (field, _, what) in uses.into_iter().filter(|(_, used, _)| *used) {
        let hint = "expect rough edges, and changes in later versions";
        findings.warning(field, format!("{what} experimental in Lima"), hint);
    }
}
