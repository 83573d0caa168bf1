//! A new instance directory.
//!
//! It is made aside and moved to its place when it is complete, so no crash leaves half an
//! instance behind.

use std::fs;
use std::path::Path;

use limekiln_api::{DiskFormat, Lima, LimaVersion};
use limekiln_engine::{ActionContext, EngineError};
use limekiln_hostagent::{InstanceFiles, atomic};
use limekiln_model::{Name, ObjectId};

use super::stored::stored;
use crate::disks::grow;
use crate::error::{blocking, file, write};
use crate::images::header::{ImageKind, inspect};
use crate::images::{Fetched, ImageError, copy, unpack};
use crate::paths::Paths;
use crate::staging::Staging;
use crate::tool::qemu_img;

/// Makes the instance from what was fetched.
pub(crate) async fn create(
    paths: &Paths,
    name: &Name,
    template: &Lima,
    filled: &Lima,
    fetched: &Fetched,
    context: &ActionContext,
) -> Result<(), EngineError> {
    let yaml = stored(template, filled);
    if already_there(paths, name, &yaml)? {
        return Ok(());
    }
    let staging = Staging::new(paths, &ObjectId::instance(name))?;
    fill(&InstanceFiles::new(staging.dir()), &yaml, filled, fetched, context).await?;
    let place = paths.instance(name);
    blocking(move || staging.publish(&place)).await
}

/// An earlier try got through. An instance with another configuration is not ours to replace.
fn already_there(paths: &Paths, name: &Name, yaml: &str) -> Result<bool, EngineError> {
    let dir = paths.instance(name);
    match fs::read_to_string(dir.join("lima.yaml")) {
        Ok(existing) if existing == yaml => Ok(true),
        Ok(_) => Err(EngineError::precondition(format!(
            "instance/{name} exists with another configuration"
        ))),
        Err(_) if dir.symlink_metadata().is_ok() => {
            Err(EngineError::precondition(format!("{} is in the way", dir.display()))
                .hint("move it away, then apply again"))
        }
        Err(_) => Ok(false),
    }
}

async fn fill(
    files: &InstanceFiles,
    yaml: &str,
    filled: &Lima,
    fetched: &Fetched,
    context: &ActionContext,
) -> Result<(), EngineError> {
    write_text(files, "lima.yaml", yaml, 0o644)?;
    write_text(files, "lima-version", LimaVersion::CURRENT, 0o444)?;
    set_private(files.dir())?;
    if let Some((kernel, cmdline)) = &fetched.kernel {
        unpack(kernel, &kernel.to_string_lossy(), &files.file("kernel"), 0, context).await?;
        write_text(files, "kernel.cmdline", cmdline, 0o644)?;
    }
    if let Some(initrd) = &fetched.initrd {
        copy(initrd.clone(), files.file("initrd")).await?;
    }
    context.message("makes the disk");
    let image = files.file("image");
    let wanted = filled.disk.map_or(0, |disk| disk.0);
    unpack(&fetched.disk, &fetched.location, &image, wanted, context).await?;
    let (files, location) = (files.clone(), fetched.location.clone());
    blocking(move || place_disk(&files, &image, &location, wanted)).await
}

fn write_text(files: &InstanceFiles, name: &str, text: &str, mode: u32) -> Result<(), EngineError> {
    atomic::write(&files.file(name), text.as_bytes(), mode).map_err(write)
}

fn set_private(dir: &Path) -> Result<(), EngineError> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).map_err(file("protect", dir))
}

/// Makes `image` the instance's disk, or its CD-ROM beside an empty disk.
fn place_disk(
    files: &InstanceFiles,
    image: &Path,
    location: &str,
    wanted: u64,
) -> Result<(), EngineError> {
    let info = inspect(image)
        .map_err(|source| ImageError::Header { what: location.to_owned(), source })?;
    let disk = files.disk();
    let format = match info.kind {
        ImageKind::Iso => {
            fs::rename(image, files.file("iso")).map_err(file("rename", image))?;
            qemu_img([
                "create".as_ref(),
                "-q".as_ref(),
                "-f".as_ref(),
                "qcow2".as_ref(),
                disk.as_os_str(),
                wanted.to_string().as_ref(),
            ])?;
            DiskFormat::Qcow2
        }
        ImageKind::Qcow2 | ImageKind::Raw => {
            fits(location, info.virtual_size, wanted)?;
            fs::rename(image, &disk).map_err(file("rename", image))?;
            let format =
                if info.kind == ImageKind::Raw { DiskFormat::Raw } else { DiskFormat::Qcow2 };
            grow(&disk, format, info.virtual_size, wanted)?;
            format
        }
    };
    write_text(files, "disk.format", format.word(), 0o644)
}

/// Lima refuses to start such an instance, too.
fn fits(location: &str, image: u64, wanted: u64) -> Result<(), EngineError> {
    if image <= wanted {
        return Ok(());
    }
    let size = limekiln_api::ByteSize;
    let message =
        format!("{location} holds a disk of {}, and `disk` is {}", size(image), size(wanted));
    Err(EngineError::permanent(message).hint(format!("set `disk` to {} or more", size(image))))
}
