//! Changes of an instance that exists.

use std::fs;
use std::path::Path;

use limekiln_api::{DiskFormat, Lima};
use limekiln_engine::EngineError;
use limekiln_hostagent::{InstanceFiles, atomic};
use limekiln_model::Name;

use super::stored::stored;
use crate::disks::{format, grow};
use crate::error::{file, write};
use crate::images::header::virtual_size;
use crate::paths::Paths;

/// Stores another configuration.
pub(crate) fn edit(
    paths: &Paths,
    name: &Name,
    template: &Lima,
    filled: &Lima,
) -> Result<(), EngineError> {
    let dir = paths.instance(name);
    let path = dir.join("lima.yaml");
    if !path.exists() {
        return Err(EngineError::precondition(format!("instance/{name} does not exist")));
    }
    let configured =
        fs::read_to_string(&path).ok().and_then(|text| limekiln_api::read_lima(&text).ok()?.disk);
    if filled.disk < configured
        && filled.disk.is_some_and(|disk| disk.0 < disk_bytes(&dir).unwrap_or_default())
    {
        return Err(EngineError::precondition(format!(
            "instance/{name} has a larger disk; disks never shrink"
        )));
    }
    atomic::write(&path, stored(template, filled).as_bytes(), 0o644).map_err(write)
}

/// Whether its disk has no more than so many bytes.
pub(crate) fn must_not_shrink(paths: &Paths, name: &Name, to: u64) -> Result<(), EngineError> {
    let has = disk_bytes(&paths.instance(name));
    if has.is_some_and(|has| has > to) {
        return Err(EngineError::precondition(format!(
            "instance/{name} has a larger disk; disks never shrink"
        )));
    }
    Ok(())
}

/// Grows the disk of an instance that does not run.
pub(crate) fn resize(paths: &Paths, name: &Name, to: u64) -> Result<(), EngineError> {
    let disk = InstanceFiles::new(paths.instance(name)).disk();
    if !disk.exists() {
        return Err(EngineError::precondition(format!("instance/{name} has no disk")));
    }
    let format = format(&disk);
    let from = virtual_size(&disk, format == DiskFormat::Raw).map_err(file("read", &disk))?;
    if from > to {
        return Err(EngineError::precondition(format!(
            "instance/{name} has a larger disk; disks never shrink"
        )));
    }
    grow(&disk, format, from, to)
}

/// Bytes that the guest sees of its own disk; `None` if there is no disk.
pub(crate) fn disk_bytes(dir: &Path) -> Option<u64> {
    let disk = dir.join("disk");
    let raw = fs::read_to_string(disk.with_extension("format"))
        .is_ok_and(|format| format.trim() == "raw");
    virtual_size(&disk, raw).ok()
}
