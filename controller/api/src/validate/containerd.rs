//! Rules about containerd.

use super::file;
use super::findings::Findings;
use crate::{Arch, Lima};

pub(super) fn check(lima: &Lima, findings: &mut Findings) {
    let Some(containerd) = &lima.containerd else { return };
    if containerd.system != Some(true) && containerd.user != Some(true) {
        return;
    }
    let archives = containerd.archives.as_deref().unwrap_or_default();
    if archives.is_empty() {
        let hint = "add archives of nerdctl-full, or leave it out for the default";
        findings.error("containerd.archives", "at least one archive is needed", hint);
    }
    if !archives.is_empty() && lima.usable_archives().next().is_none() {
        let arch = lima.arch.map_or("the host's", Arch::word);
        let hint = format!(
            "add an archive of nerdctl-full with `arch: {arch}`, or set `system` and `user` to false"
        );
        let message = format!("no archive is for the architecture {arch}");
        findings.error("containerd.archives", message, hint);
    }
    for (index, archive) in archives.iter().enumerate() {
        let path = format!("containerd.archives[{index}]");
        file::check(&path, &archive.location, archive.digest.as_deref(), findings);
    }
}
