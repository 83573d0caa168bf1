//! Additional disks, made and changed by hand.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use limekiln_api::{DiskFormat, DiskSpec};
use limekiln_engine::{ActionContext, EngineError};
use limekiln_hostagent::atomic;
use limekiln_model::{Name, ObjectId};

use super::ByHand;
use crate::disks::{self, data};
use crate::error::{file, write};
use crate::images::header::{ImageKind, inspect};
use crate::images::{ImageError, copy_now};
use crate::observe::lives;
use crate::run;
use crate::staging::Staging;

impl ByHand {
    /// Makes a disk. Blocks.
    ///
    /// # Errors
    /// If it exists, or cannot be made.
    pub fn create_disk(&self, name: &Name, spec: &DiskSpec) -> Result<(), EngineError> {
        self.disk_must_be_new(name)?;
        disks::create(&self.paths, name, spec)
    }

    /// Grows a disk to so many bytes. In a VM that runs and has it, what is on it grows, too.
    ///
    /// # Errors
    /// If there is none, it is larger, or the instance that has it cannot grow it.
    pub async fn resize_disk(&self, name: &Name, to: u64) -> Result<(), EngineError> {
        self.disk_must_exist(name)?;
        run::resize_disk(&self.paths, name, to, &ActionContext::silent()).await
    }

    /// Makes a disk of a file, which stays as it is: qcow2 without a backing file, or raw. Blocks.
    ///
    /// # Errors
    /// If the disk exists, or the file cannot be read or is no such image.
    pub fn import_disk(&self, name: &Name, from: &Path) -> Result<(), EngineError> {
        self.disk_must_be_new(name)?;
        let header = |source| ImageError::Header { what: from.display().to_string(), source };
        let info = inspect(from).map_err(header)?;
        let format = match info.kind {
            ImageKind::Qcow2 => DiskFormat::Qcow2,
            ImageKind::Raw => DiskFormat::Raw,
            ImageKind::Iso => {
                let message = format!("{} is a CD-ROM", from.display());
                return Err(EngineError::permanent(message).hint("import a qcow2 or raw image"));
            }
        };
        let staging = Staging::new(&self.paths, &ObjectId::disk(name))?;
        let image = data(staging.dir());
        copy_now(from, &image).map_err(file("write", &image))?;
        atomic::write(&image.with_extension("format"), format.word().as_bytes(), 0o644)
            .map_err(write)?;
        // It may have changed while it was copied.
        inspect(&image).map_err(header)?;
        let all = self.paths.disks();
        fs::create_dir_all(&all).map_err(file("make", &all))?;
        staging.publish(&self.paths.disk(name))
    }

    /// Takes a disk from an instance that does not run, as after a crash. Whose it was; `None` if
    /// it was nobody's.
    ///
    /// # Errors
    /// If there is none, or the instance runs.
    pub fn unlock_disk(&self, name: &Name) -> Result<Option<PathBuf>, EngineError> {
        self.disk_must_exist(name)?;
        self.disk_must_be_idle(name)?;
        let lock = self.paths.disk(name).join("in_use_by");
        let holder = fs::read_link(&lock).ok();
        match fs::remove_file(&lock) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(file("remove", &lock)(error)),
            _ => Ok(holder),
        }
    }

    fn disk_must_be_new(&self, name: &Name) -> Result<(), EngineError> {
        if self.paths.disk(name).symlink_metadata().is_ok() {
            return Err(EngineError::precondition(format!("disk/{name} exists already")));
        }
        Ok(())
    }

    fn disk_must_exist(&self, name: &Name) -> Result<(), EngineError> {
        if data(&self.paths.disk(name)).exists() {
            return Ok(());
        }
        Err(EngineError::precondition(format!("there is no disk {name}"))
            .hint("`limekiln disk list` shows those that exist"))
    }

    fn disk_must_be_idle(&self, name: &Name) -> Result<(), EngineError> {
        let Ok(holder) = fs::read_link(self.paths.disk(name).join("in_use_by")) else {
            return Ok(());
        };
        if !lives(&holder) {
            return Ok(());
        }
        let whose = holder.file_name().unwrap_or_default().to_string_lossy();
        Err(EngineError::precondition(format!(
            "disk/{name} is used by instance/{whose}, which runs"
        ))
        .hint(format!("stop it first: limekiln stop {whose}")))
    }
}
