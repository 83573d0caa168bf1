//! Rules about containerd.

use super::file;
use super::findings::Findings;
use crate::Lima;

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
    for (index, archive) in archives.iter().enumerate() {
        let path = format!("containerd.archives[{index}]");
        file::check(&path, &archive.location, archive.digest.as_deref(), findings);
    }
}
