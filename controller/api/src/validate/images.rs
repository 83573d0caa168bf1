//! Rules about images.

use super::checks::{Checks, PathKind};
use super::file;
use super::findings::Findings;
use crate::Lima;
use crate::lima::Arch;

pub(super) fn check(lima: &Lima, checks: &Checks<'_>, findings: &mut Findings) {
    firmware(lima, findings);
    let images = lima.images.as_deref().unwrap_or_default();
    if images.is_empty() {
        let hint = "add `images:` with a `location`, the URL or path of a disk image";
        return findings.error("images", "at least one image is needed", hint);
    }
    for (index, image) in images.iter().enumerate() {
        let path = format!("images[{index}]");
        file::check(&path, &image.location, image.digest.as_deref(), findings);
        if image.arch == lima.arch && checks.kind(&image.location) == PathKind::Missing {
            let message = format!("{} does not exist", image.location);
            let hint =
                "the instance cannot be made from it; one that exists already needs it no more";
            findings.warning(format!("{path}.location"), message, hint);
        }
        if let Some(kernel) = &image.kernel {
            let path = format!("{path}.kernel");
            file::check(&path, &kernel.location, kernel.digest.as_deref(), findings);
            file::same_arch(&path, kernel.arch, image.arch, findings);
        }
        if let Some(initrd) = &image.initrd {
            let path = format!("{path}.initrd");
            file::check(&path, &initrd.location, initrd.digest.as_deref(), findings);
            file::same_arch(&path, initrd.arch, image.arch, findings);
        }
    }
    if lima.usable_images().next().is_none() {
        let arch = lima.arch.map_or("the host's", Arch::word);
        let hint = format!("add an image with `arch: {arch}`, or set `arch` to that of an image");
        findings.error("images", format!("no image is for the architecture {arch}"), hint);
    }
}

fn firmware(lima: &Lima, findings: &mut Findings) {
    let firmware = lima.firmware.iter().flat_map(|firmware| firmware.images.iter().flatten());
    for (index, image) in firmware.enumerate() {
        let path = format!("firmware.images[{index}]");
        file::check(&path, &image.location, image.digest.as_deref(), findings);
    }
}
