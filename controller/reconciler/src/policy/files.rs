//! Files that the host fetches for a guest: images, kernels, firmware, archives, certificates.

use limekiln_api::lima::{Arch, Containerd, File, WindowsOpts};
use limekiln_api::{HostFacts, Lima, Name, fill};
use serde::Deserialize;

use super::judge::{Judge, denied, quoted, written};
use super::judged::of_template;
use super::paths::one_root;

/// One file: its path in the template, its location and its digest.
type Wanted<'a> = (String, &'a str, Option<&'a str>);

pub(super) fn judge(judge: &mut Judge<'_>, lima: &Lima) {
    let windows = windows(lima);
    let mut wanted = images(lima);
    wanted.extend(firmware(lima));
    wanted.extend(archives(lima, judge.ground.facts));
    wanted.extend(virtio_win(lima, &windows));
    for (path, location, digest) in wanted {
        judge_location(judge, &of_template(format!("{path}.location")), location);
        judge_digest(judge, &of_template(format!("{path}.digest")), location, digest);
    }
    certificates(judge, lima);
}

fn judge_location(judge: &mut Judge<'_>, field: &str, location: &str) {
    let rules = &judge.rules().images;
    if location.contains("://") && !location.starts_with("file://") {
        return judge.pattern(&rules.locations, "images.locations", field, location);
    }
    let roots = rules.roots.iter().map(String::as_str);
    judge.below("images.roots", field, location, roots, one_root);
}

fn judge_digest(judge: &mut Judge<'_>, field: &str, location: &str, digest: Option<&str>) {
    let digest = digest.unwrap_or_default();
    let missing = digest.is_empty() && judge.rules().images.require_digest;
    let denial = missing.then(|| {
        denied(
            format!("{} has no digest", quoted(location)),
            written("images.requireDigest", "false"),
        )
        .or("add its `digest`, or have it locked by `limekiln lock`")
    });
    judge.note("images.requireDigest", field, digest, denial);
}

/// Only files for the instance's architecture are ever fetched.
fn is_for(arch: Option<Arch>, lima: &Lima) -> bool {
    arch.is_none() || lima.arch.is_none() || arch == lima.arch
}

fn file<'a>(path: String, file: &'a File) -> Wanted<'a> {
    (path, &file.location, file.digest.as_deref())
}

fn images(lima: &Lima) -> Vec<Wanted<'_>> {
    let mut wanted = Vec::new();
    for (index, image) in lima.images.iter().flatten().enumerate() {
        if !is_for(image.arch, lima) {
            continue;
        }
        let path = format!("images[{index}]");
        if let Some(kernel) = &image.kernel {
            wanted.push((format!("{path}.kernel"), &*kernel.location, kernel.digest.as_deref()));
        }
        wanted.extend(image.initrd.as_ref().map(|initrd| file(format!("{path}.initrd"), initrd)));
        wanted.push((path, &*image.location, image.digest.as_deref()));
    }
    wanted
}

fn firmware(lima: &Lima) -> impl Iterator<Item = Wanted<'_>> {
    let images = lima.firmware.iter().flat_map(|firmware| firmware.images.iter().flatten());
    images.enumerate().filter(|(_, image)| is_for(image.arch, lima)).map(|(index, image)| {
        (format!("firmware.images[{index}]"), &*image.location, image.digest.as_deref())
    })
}

fn archives<'a>(lima: &'a Lima, facts: &HostFacts) -> Vec<Wanted<'a>> {
    let containerd = lima.containerd.iter();
    let used = containerd.filter(|it| it.system != Some(false) || it.user != Some(false));
    let archives: Vec<_> = used.flat_map(|it| it.archives.iter().flatten()).collect();
    if archives.is_empty() {
        return Vec::new();
    }
    let ours = default_archives(facts);
    let archives = archives.into_iter().enumerate();
    let chosen = archives.filter(|(_, it)| is_for(it.arch, lima) && !ours.contains(it));
    chosen.map(|(index, it)| file(format!("containerd.archives[{index}]"), it)).collect()
}

/// The archives that are installed when a manifest names none: no source has chosen them.
fn default_archives(facts: &HostFacts) -> Vec<File> {
    let containerd = Containerd { user: Some(true), ..Containerd::default() };
    let template = Lima { containerd: Some(containerd), ..Lima::default() };
    let Ok(name) = Name::new("any") else { return Vec::new() };
    let filled = fill(
        &template,
        &name,
        &HostFacts { defaults: Lima::default(), overrides: Lima::default(), ..facts.clone() },
    );
    filled.containerd.and_then(|containerd| containerd.archives).unwrap_or_default()
}

/// Malformed options are an error of their own, and nobody reads them.
fn windows(lima: &Lima) -> WindowsOpts {
    let opts = lima.os_opts.as_ref().and_then(|opts| opts.get("Windows"));
    opts.and_then(|opts| WindowsOpts::deserialize(opts).ok()).unwrap_or_default()
}

fn virtio_win<'a>(lima: &Lima, windows: &'a WindowsOpts) -> Vec<Wanted<'a>> {
    let files = windows.virtio_win.iter().flatten().enumerate();
    let files = files.filter(|(_, file)| is_for(file.arch, lima));
    files.map(|(index, it)| file(format!("osOpts.Windows.virtioWin[{index}]"), it)).collect()
}

fn certificates(judge: &mut Judge<'_>, lima: &Lima) {
    let files = lima.ca_certs.iter().flat_map(|certs| certs.files.iter().flatten());
    for (index, path) in files.enumerate() {
        let field = of_template(format!("caCerts.files[{index}]"));
        let roots = judge.rules().ca_certs.roots.iter().map(String::as_str);
        judge.below("caCerts.roots", &field, path, roots, one_root);
    }
}
