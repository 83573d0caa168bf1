//! Additional disks.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use limekiln_api::DiskFormat;
use limekiln_model::{Name, Observed, ObservedDisk};

use crate::disks::{data, format};
use crate::images::header::virtual_size;
use crate::paths::Paths;

/// Every disk whose header can be read; Lima lists no others either.
pub(super) fn read(paths: &Paths) -> BTreeMap<Name, ObservedDisk> {
    let entries = fs::read_dir(paths.disks()).into_iter().flatten().flatten();
    let disks = entries.filter_map(|entry| {
        let name = Name::new(entry.file_name().into_string().ok()?).ok()?;
        Some((name, disk(&entry.path())?))
    });
    disks.collect()
}

fn disk(dir: &Path) -> Option<ObservedDisk> {
    let image = data(dir);
    let format = format(&image);
    let size = virtual_size(&image, format == DiskFormat::Raw).ok()?;
    let holder = fs::read_link(dir.join("in_use_by")).ok();
    let in_use_by = holder.and_then(|holder| Name::new(holder.file_name()?.to_str()?).ok());
    Some(ObservedDisk { size, format, in_use_by })
}

/// A lock of an instance that does not run holds nothing: a crash or a reboot left it.
pub(super) fn settle(observed: &mut Observed) {
    for disk in observed.disks.values_mut() {
        let runs = |name: &Name| {
            let instance = observed.instances.get(name);
            instance.is_some_and(|instance| {
                !matches!(instance.phase, limekiln_model::InstancePhase::Stopped)
            })
        };
        disk.in_use_by = disk.in_use_by.take().filter(runs);
    }
}
