//! Additional disks below `_disks/`.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use limekiln_api::{ByteSize, DiskFormat, DiskSpec};
use limekiln_engine::EngineError;
use limekiln_hostagent::atomic;
use limekiln_model::{Name, ObjectId};

use crate::error::{file, write};
use crate::images::header;
use crate::paths::Paths;
use crate::staging::Staging;
use crate::tool::qemu_img;

/// The file that holds the data.
pub(crate) fn data(dir: &Path) -> PathBuf {
    dir.join("datadisk")
}

/// How the disk is stored: stated beside it when we made it, else by its first bytes.
pub(crate) fn format(data: &Path) -> DiskFormat {
    let stated = fs::read_to_string(data.with_extension("format")).unwrap_or_default();
    match stated.trim() {
        "raw" => DiskFormat::Raw,
        "qcow2" => DiskFormat::Qcow2,
        _ if header::inspect(data).is_ok_and(|info| info.kind == header::ImageKind::Raw) => {
            DiskFormat::Raw
        }
        _ => DiskFormat::Qcow2,
    }
}

/// Makes a disk; it appears whole, by a rename.
pub(crate) fn create(paths: &Paths, name: &Name, spec: &DiskSpec) -> Result<(), EngineError> {
    let dir = paths.disk(name);
    if data(&dir).exists() {
        return already_there(&data(&dir), name, spec);
    }
    let staging = Staging::new(paths, &ObjectId::disk(name))?;
    let image = data(staging.dir());
    let size = spec.size.0.to_string();
    qemu_img([
        "create".as_ref(),
        "-q".as_ref(),
        "-f".as_ref(),
        spec.format.word().as_ref(),
        image.as_os_str(),
        size.as_ref(),
    ])?;
    atomic::write(&image.with_extension("format"), spec.format.word().as_bytes(), 0o644)
        .map_err(write)?;
    fs::create_dir_all(paths.disks()).map_err(file("make", &paths.disks()))?;
    staging.publish(&dir)
}

/// An earlier try got through. A disk that is not as it was asked for is not ours to replace.
fn already_there(data: &Path, name: &Name, spec: &DiskSpec) -> Result<(), EngineError> {
    let format = format(data);
    let size = header::virtual_size(data, format == DiskFormat::Raw).map_err(file("read", data))?;
    if (size, format) == (spec.size.0, spec.format) {
        return Ok(());
    }
    let there = format!("{} of {}", format.word(), ByteSize(size));
    Err(EngineError::precondition(format!("disk/{name} exists, as {there}")))
}

/// Grows a disk that no VM has open.
pub(crate) fn resize(paths: &Paths, name: &Name, to: u64) -> Result<(), EngineError> {
    let image = data(&paths.disk(name));
    let size = must_not_shrink(paths, name, to)?;
    grow(&image, format(&image), size, to)
}

/// The size that a disk has, if that is not more than so many bytes.
pub(crate) fn must_not_shrink(paths: &Paths, name: &Name, to: u64) -> Result<u64, EngineError> {
    let image = data(&paths.disk(name));
    let raw = format(&image) == DiskFormat::Raw;
    let size = header::virtual_size(&image, raw).map_err(|error| {
        EngineError::precondition(format!("disk/{name} cannot be read")).because(error)
    })?;
    if size > to {
        return Err(EngineError::precondition(format!(
            "disk/{name} has {size} bytes; disks never shrink"
        )));
    }
    Ok(size)
}

/// `qemu-img resize` for a file of a stated format.
pub(crate) fn grow(
    image: &Path,
    format: DiskFormat,
    from: u64,
    to: u64,
) -> Result<(), EngineError> {
    if from == to {
        return Ok(());
    }
    let size = to.to_string();
    qemu_img([
        "resize".as_ref(),
        "-q".as_ref(),
        "-f".as_ref(),
        format.word().as_ref(),
        image.as_os_str(),
        size.as_ref(),
    ])
}

/// Moves a directory that is complete to its place, durably.
pub(crate) fn publish(staging: &Path, place: &Path) -> Result<(), EngineError> {
    sync(staging)?;
    fs::rename(staging, place).map_err(|error| match error.kind() {
        ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists => {
            EngineError::precondition(format!("{} exists already", place.display()))
        }
        _ => file("make", place)(error),
    })?;
    place.parent().map_or(Ok(()), sync)
}

/// Flushes a directory's entries.
pub(crate) fn sync(dir: &Path) -> Result<(), EngineError> {
    fs::File::open(dir).and_then(|handle| handle.sync_all()).map_err(file("flush", dir))
}

/// Removes a directory if it is there.
pub(crate) fn remove_dir(dir: &Path) -> Result<(), EngineError> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(file("remove", dir)(error)),
        _ => Ok(()),
    }
}
