//! Mounts: merged by their place in the guest.

use std::collections::HashMap;

use super::expand::Texts;
use super::layers::Layers;
use super::notes::Notes;
use super::origins::{Item, Origins};
use super::paths::clean;
use crate::lima::{Mount, MountType, NineP, Sshfs};
use crate::{ByteSize, FieldError, Layer, Lima};

/// Merges the mounts of all layers, and fills them in.
///
/// They are taken from the lowest layer to the highest. A later mount at the place of an earlier
/// one changes its settings, and only these: the earlier directory stays mounted.
pub(super) fn fill(
    lima: &mut Lima,
    layers: &Layers<'_>,
    texts: &Texts<'_>,
    origins: &mut Origins,
    notes: &mut Notes,
) {
    let mut merged = Merged::default();
    for (layer, document) in layers.rising() {
        for (index, mount) in document.mounts.iter().flatten().enumerate() {
            let mount = expanded(mount, layer, index, texts, notes);
            merged.add(mount, layer, index, notes);
        }
    }
    let mount_type = lima.mount_type;
    merged.mounts.iter_mut().for_each(|mount| fill_mount(mount, mount_type));
    lima.mounts = Some(merged.mounts);
    origins.set("mounts", merged.items);
}

fn expanded(
    mount: &Mount,
    layer: Layer,
    index: usize,
    texts: &Texts<'_>,
    notes: &mut Notes,
) -> Mount {
    let mut mount = mount.clone();
    let location = texts.on_host(&mount.location);
    notes.problems(layer, &format!("mounts[{index}].location"), location.problems);
    let location = location.text.unwrap_or_else(|| mount.location.clone());
    mount.location = texts.at_home(&clean(&location));
    let point = match &mount.mount_point {
        None => mount.location.clone(),
        Some(point) => {
            let expansion = texts.guest(point);
            notes.problems(layer, &format!("mounts[{index}].mountPoint"), expansion.problems);
            expansion.text.unwrap_or_else(|| point.clone())
        }
    };
    mount.mount_point = Some(point);
    mount
}

#[derive(Default)]
struct Merged {
    mounts: Vec<Mount>,
    items: Vec<Item>,
    by_point: HashMap<String, usize>,
}

impl Merged {
    fn add(&mut self, mount: Mount, layer: Layer, index: usize, notes: &mut Notes) {
        let point = mount.mount_point.clone().unwrap_or_default();
        match self.by_point.get(&point) {
            Some(&earlier) => {
                self.note_meeting(earlier, &mount, layer, index, notes);
                change(&mut self.mounts[earlier], &mount);
                self.items[earlier].push((layer, index));
            }
            None => {
                self.by_point.insert(point, self.mounts.len());
                self.mounts.push(mount);
                self.items.push(vec![(layer, index)]);
            }
        }
    }

    fn note_meeting(
        &self,
        earlier: usize,
        mount: &Mount,
        layer: Layer,
        index: usize,
        notes: &mut Notes,
    ) {
        let first = &self.mounts[earlier];
        let same_document = self.items[earlier].iter().find(|(other, _)| *other == layer);
        let same_directory = first.location == mount.location;
        if same_directory && same_document.is_none() {
            return;
        }
        let point = mount.mount_point.as_deref().unwrap_or_default();
        let path = format!("mounts[{index}]");
        let error = match same_document {
            Some((_, other)) => {
                FieldError::of_template(layer, &path, format!("two mounts are at {point}"))
                    .because_of(layer, &format!("mounts[{other}]"))
                    .hint("keep one of them, or give one another `mountPoint`")
            }
            None => FieldError::of_template(
                layer,
                &path,
                format!(
                    "{} stays mounted at {point}; only the settings of this mount are used",
                    first.location
                ),
            )
            .hint("choose another `mountPoint` to have both"),
        };
        notes.add(if same_document.is_some() && !same_directory { error } else { error.warning() });
    }
}

/// Takes over the settings that are set.
fn change(mount: &mut Mount, by: &Mount) {
    fn set<T: Clone>(to: &mut Option<T>, from: &Option<T>) {
        if from.is_some() {
            to.clone_from(from);
        }
    }
    set(&mut mount.writable, &by.writable);
    if let Some(Sshfs { cache, follow_symlinks, sftp_driver }) = &by.sshfs {
        let sshfs = mount.sshfs.get_or_insert_default();
        set(&mut sshfs.cache, cache);
        set(&mut sshfs.follow_symlinks, follow_symlinks);
        set(&mut sshfs.sftp_driver, sftp_driver);
    }
    if let Some(NineP { security_model, protocol_version, msize, cache }) = &by.nine_p {
        let nine_p = mount.nine_p.get_or_insert_default();
        set(&mut nine_p.security_model, security_model);
        set(&mut nine_p.protocol_version, protocol_version);
        set(&mut nine_p.msize, msize);
        set(&mut nine_p.cache, cache);
    }
    if let Some(virtiofs) = &by.virtiofs {
        set(&mut mount.virtiofs.get_or_insert_default().queue_size, &virtiofs.queue_size);
    }
}

/// Settings of every kind of mount but virtiofs are filled in, whatever the mount type is.
fn fill_mount(mount: &mut Mount, mount_type: Option<MountType>) {
    let writable = *mount.writable.get_or_insert(false);
    let sshfs = mount.sshfs.get_or_insert_default();
    sshfs.cache.get_or_insert(true);
    sshfs.follow_symlinks.get_or_insert(false);
    let nine_p = mount.nine_p.get_or_insert_default();
    nine_p.security_model.get_or_insert_with(|| "none".to_owned());
    nine_p.protocol_version.get_or_insert_with(|| "9p2000.L".to_owned());
    nine_p.msize.get_or_insert(ByteSize(128 << 10));
    nine_p.cache.get_or_insert_with(|| if writable { "mmap".into() } else { "fscache".into() });
    if mount_type == Some(MountType::Virtiofs) {
        mount.virtiofs.get_or_insert_default().queue_size.get_or_insert(1024);
    }
}
