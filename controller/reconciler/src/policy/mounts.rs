//! Host directories in guests, and files that come back from them.

use limekiln_api::Lima;
use limekiln_api::lima::{Mount, MountType};

use super::judge::{Judge, denied, quoted, written};
use super::judged::of_template;
use super::paths::one_root;
use super::rules::MountRoot;

const EVERY_TYPE: [MountType; 4] =
    [MountType::ReverseSshfs, MountType::NineP, MountType::Virtiofs, MountType::Wsl2];

pub(super) fn judge(judge: &mut Judge<'_>, lima: &Lima) {
    let mounts = lima.mounts.as_deref().unwrap_or_default();
    if !mounts.is_empty() {
        judge_type(judge, lima.mount_type);
    }
    for (index, mount) in mounts.iter().enumerate() {
        judge_mount(judge, &of_template(format!("mounts[{index}]")), mount);
    }
    for (index, copy) in lima.copy_to_host.iter().flatten().enumerate() {
        let field = of_template(format!("copyToHost[{index}].host"));
        let roots = judge.rules().copy_to_host.roots.iter().map(String::as_str);
        let host = copy.host.as_deref().unwrap_or_default();
        judge.below("copyToHost.roots", &field, host, roots, one_root);
    }
}

/// A driver's own way is not known, and allowed only where every way is.
fn judge_type(judge: &mut Judge<'_>, kind: Option<MountType>) {
    let allowed = &judge.rules().mounts.types;
    let fits = match kind {
        Some(kind) => allowed.contains(&kind),
        None => EVERY_TYPE.iter().all(|kind| allowed.contains(kind)),
    };
    let word = kind.map_or("unknown", MountType::word);
    let denial = (!fits).then(|| {
        denied(
            format!("{word} is none of its types"),
            written("mounts.types", &format!("[{word}]")),
        )
    });
    judge.note("mounts.types", of_template("mountType"), word, denial);
}

fn judge_mount(judge: &mut Judge<'_>, field: &str, mount: &Mount) {
    let roots = &judge.rules().mounts.roots;
    let writable = mount.writable == Some(true);
    // A directory may be below several roots: what one of them allows is allowed.
    let of = |writable: bool| roots.iter().filter(move |root| root.writable == writable);
    let paths = of(true).chain(of(false)).map(|root| root.path.as_str());
    let write = |path: &str| one_mount(path, writable);
    let location = format!("{field}.location");
    let root = judge.below("mounts.roots", &location, &mount.location, paths, write);
    if let Some(root) = root.filter(|_| writable) {
        judge_writable(judge, field, mount, root, roots);
    }
    let model = mount.nine_p.as_ref().and_then(|nine_p| nine_p.security_model.as_deref());
    if let Some(model) = model {
        let models = &judge.rules().mounts.security_models;
        judge.pattern(models, "mounts.securityModels", &format!("{field}.9p.securityModel"), model);
    }
    let follows = mount.sshfs.as_ref().and_then(|sshfs| sshfs.follow_symlinks) == Some(true);
    let (rule, path) = ("mounts.followSymlinks", format!("{field}.sshfs.followSymlinks"));
    let why = "links of the guest would lead to any file of the host";
    judge.flag(judge.rules().mounts.follow_symlinks, rule, &path, follows, why);
}

fn judge_writable(
    judge: &mut Judge<'_>,
    field: &str,
    mount: &Mount,
    root: &str,
    roots: &[MountRoot],
) {
    let allowed = roots.iter().any(|one| one.path == root && one.writable);
    let denial = (!allowed).then(|| {
        let write = written("mounts.roots", &one_mount(&mount.location, true));
        denied(format!("what is below {root} is only to be read"), write)
            .or("remove `writable` from the mount")
    });
    judge.note("mounts.roots", format!("{field}.writable"), "true", denial);
}

fn one_mount(path: &str, writable: bool) -> String {
    let writable = if writable { ", writable: true" } else { "" };
    format!("[{{path: {}{writable}}}]", quoted(path))
}
