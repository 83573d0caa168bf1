//! Field-level differences.

use limekiln_api::lima::{AdditionalDisk, Provision, ProvisionMode};
use limekiln_api::{ByteSize, Lima};
use limekiln_model::{Capabilities, Change, Cost};
use serde::Serialize;
use serde_json::Value;

use crate::cost::cost_on;

/// The fields in which `to` differs from `from`, with what each costs a running VM.
pub fn templates(from: &Lima, to: &Lima, capabilities: &Capabilities) -> Vec<Change> {
    // Most often they are one and the same, which shows without a look at what is in them.
    if std::ptr::eq(from, to) || from == to {
        return Vec::new();
    }
    let mut changes = values("template", from, to, capabilities);
    for change in &mut changes {
        if change.path == "template.disk" {
            cost_of_size(change, from.disk, to.disk, capabilities.live_disk_resize);
        }
        if is_mount(&change.path) && mounts_are_live(from, to, capabilities) {
            change.cost = Cost::Live;
            change.note = None;
        }
        if is_disk(&change.path) && disks_are_live(from, to, capabilities) {
            change.cost = Cost::Live;
            change.note = None;
        }
        if change.is_provision() && provision_is_live(from, to, capabilities) {
            change.cost = Cost::Live;
            change.note = Some("steps that changed run at once, and no others".to_owned());
        }
        if change.path.starts_with("template.images") && same_image(from, to) {
            // A fallback that was not used, or another architecture's image.
            change.cost = Cost::Live;
            change.note = None;
        }
    }
    changes
}

/// Whether mounts can be changed while a VM that was started with `from` runs.
pub(crate) fn mounts_are_live(from: &Lima, to: &Lima, capabilities: &Capabilities) -> bool {
    from.mount_type == to.mount_type
        && from.mount_type.is_some_and(|kind| capabilities.live_mounts.contains(&kind))
}

/// Whether additional disks can be changed while the VM runs. How one that stays is to be formatted
/// is only asked for at boot.
fn disks_are_live(from: &Lima, to: &Lima, capabilities: &Capabilities) -> bool {
    let before = from.additional_disks.as_deref().unwrap_or_default();
    let mut after = to.additional_disks.iter().flatten();
    let stays =
        |disk: &AdditionalDisk| before.iter().all(|old| old.name != disk.name || old == disk);
    capabilities.live_disks && after.all(stays)
}

/// Whether the steps that are new run while the guest is up. One that is gone is never undone, and one
/// that only moved does not run again.
fn provision_is_live(from: &Lima, to: &Lima, capabilities: &Capabilities) -> bool {
    let before = from.provision.as_deref().unwrap_or_default();
    let is_live = |step: &Provision| match step.mode {
        None
        | Some(
            ProvisionMode::System | ProvisionMode::User | ProvisionMode::Data | ProvisionMode::Yq,
        ) => true,
        Some(_) => before.contains(step),
    };
    capabilities.live_provision && to.provision.iter().flatten().all(is_live)
}

/// `template.additionalDisks` or below it.
pub(crate) fn is_disk(path: &str) -> bool {
    is_at(path, "template.additionalDisks")
}

/// `template.mounts` or below it.
fn is_mount(path: &str) -> bool {
    is_at(path, "template.mounts")
}

fn is_at(path: &str, root: &str) -> bool {
    let below = path.strip_prefix(root);
    below.is_some_and(|rest| rest.is_empty() || rest.starts_with(['[', '.']))
}

/// The fields in which any two values differ, below `root`.
pub(crate) fn values<T: Serialize>(
    root: &str,
    from: &T,
    to: &T,
    capabilities: &Capabilities,
) -> Vec<Change> {
    let json = |value: &T| serde_json::to_value(value).unwrap_or(Value::Null);
    let mut changes = Vec::new();
    compare(root.to_owned(), &json(from), &json(to), &mut |path, from, to| {
        let (cost, note) = cost_on(&path, capabilities);
        changes.push(Change { path, from, to, cost, note: note.map(str::to_owned) });
    });
    changes
}

/// What to do about changes that are never made.
pub(crate) fn refused_hint(changes: &[Change]) -> Option<String> {
    let back = |change: &Change| {
        let field = change.path.rsplit('.').next().unwrap_or(&change.path);
        let from = change.from.as_ref()?;
        let from = from.as_str().map_or_else(|| from.to_string(), str::to_owned);
        let why = change.note.as_ref().map(|note| format!("{note}; "))?;
        Some(format!("{why}put `{field}: {from}` back"))
    };
    changes.iter().find_map(back)
}

/// Growing needs the VM stopped unless the engine can do it live; shrinking would lose data.
pub(crate) fn cost_of_size(
    change: &mut Change,
    from: Option<ByteSize>,
    to: Option<ByteSize>,
    live: bool,
) {
    if to < from {
        change.cost = Cost::Refused;
        change.note = Some("disks never shrink".to_owned());
    } else if live {
        change.cost = Cost::Live;
        change.note = None;
    }
}

/// Whether an instance would be made from the same image. A digest that only one of them has was
/// added or is not wanted any more; that the image is another one shows where both have one.
fn same_image(from: &Lima, to: &Lima) -> bool {
    let used = |lima: &Lima| {
        let mut image = lima.usable_images().next()?.clone();
        let kernel = image.kernel.as_mut().and_then(|kernel| kernel.digest.take());
        let initrd = image.initrd.as_mut().and_then(|initrd| initrd.digest.take());
        let digests = [image.digest.take(), kernel, initrd];
        Some(((image.location, image.kernel, image.initrd), digests))
    };
    let agree = |a: &Option<String>, b: &Option<String>| a.is_none() || b.is_none() || a == b;
    match (used(from), used(to)) {
        (Some((from, known)), Some((to, wanted))) => {
            from == to && known.iter().zip(&wanted).all(|(a, b)| agree(a, b))
        }
        (from, to) => from.is_none() && to.is_none(),
    }
}

fn compare(
    path: String,
    from: &Value,
    to: &Value,
    found: &mut impl FnMut(String, Option<Value>, Option<Value>),
) {
    match (from, to) {
        (from, to) if from == to => {}
        (Value::Object(from), Value::Object(to)) => {
            let keys = from.keys().chain(to.keys().filter(|key| !from.contains_key(*key)));
            for key in keys {
                pair(format!("{path}.{key}"), from.get(key), to.get(key), found);
            }
        }
        (Value::Array(from), Value::Array(to)) => {
            for index in 0..from.len().max(to.len()) {
                pair(format!("{path}[{index}]"), from.get(index), to.get(index), found);
            }
        }
        (from, to) => found(path, Some(from.clone()), Some(to.clone())),
    }
}

fn pair(
    path: String,
    from: Option<&Value>,
    to: Option<&Value>,
    found: &mut impl FnMut(String, Option<Value>, Option<Value>),
) {
    match (from, to) {
        (Some(from), Some(to)) => compare(path, from, to, found),
        (from, to) => found(path, from.cloned(), to.cloned()),
    }
}

#[cfg(test)]
mod tests {
    use limekiln_api::{HostFacts, Name, fill, read_lima};

    use super::*;

    fn between(from: &str, to: &str) -> Vec<(String, Cost)> {
        let filled = |yaml: &str| {
            let name = Name::new("vm").expect("a name");
            fill(&read_lima(yaml).expect("yaml"), &name, &HostFacts::example())
        };
        let changes = templates(&filled(from), &filled(to), &Capabilities::default());
        changes.into_iter().map(|change| (change.path, change.cost)).collect()
    }

    #[test]
    fn each_field_is_named_with_its_cost() {
        assert_eq!(between("cpus: 2", "cpus: 2"), []);
        assert_eq!(
            between("cpus: 2", "cpus: 4\nmessage: hi"),
            [("template.cpus".into(), Cost::Restart), ("template.message".into(), Cost::Live)]
        );
        assert_eq!(
            between("arch: x86_64", "arch: aarch64"),
            [("template.arch".into(), Cost::Recreate)]
        );
        assert_eq!(
            between("provision: [{script: a}]", "provision: [{script: b}, {script: c}]"),
            [
                ("template.provision[0].script".into(), Cost::Restart),
                ("template.provision[1]".into(), Cost::Restart)
            ]
        );
    }

    #[test]
    fn disks_grow_and_never_shrink() {
        assert_eq!(
            between("disk: 10GiB", "disk: 20GiB"),
            [("template.disk".into(), Cost::Restart)]
        );
        assert_eq!(
            between("disk: 20GiB", "disk: 10GiB"),
            [("template.disk".into(), Cost::Refused)]
        );
    }

    #[test]
    fn only_the_image_in_use_counts() {
        let one = "images: [{location: /a, arch: x86_64}]";
        let fallback = "images: [{location: /a, arch: x86_64}, {location: /b, arch: aarch64}]";
        assert_eq!(between(one, fallback), [("template.images[1]".into(), Cost::Live)]);
        assert_eq!(
            between(one, "images: [{location: /c, arch: x86_64}]"),
            [("template.images[0].location".into(), Cost::Recreate)]
        );
        let pinned = "images: [{location: /a, arch: x86_64, digest: 'sha256:1'}]";
        let digest = "template.images[0].digest".to_owned();
        assert_eq!(between(one, pinned), [(digest.clone(), Cost::Live)]);
        assert_eq!(between(pinned, one), [(digest.clone(), Cost::Live)]);
        assert_eq!(between(pinned, &pinned.replace(":1'", ":2'")), [(digest, Cost::Recreate)]);
    }
}
