//! Additional disks: which file, and the lock that keeps two VMs off one disk.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::DiskFormat;
use crate::Error;

/// A disk below `$LIMA_HOME/_disks`, attached to this instance.
#[derive(Clone, Debug)]
pub struct AttachedDisk {
    /// The disk's name.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// What the guest knows it by, and QEMU: virtio has 20 bytes for it.
    pub serial: String,
    /// Its format.
    pub format: DiskFormat,
    /// Whether the guest makes a file system if there is none.
    pub make_fs: bool,
    /// The file system's type.
    pub fs_type: String,
    /// Arguments of mkfs.
    pub fs_args: Vec<String>,
}

impl AttachedDisk {
    /// The serial number of the disk of that name. Names are longer than it may be.
    pub fn serial_of(name: &str) -> String {
        let hex: String =
            Sha256::digest(name).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("lk-{hex}")
    }

    /// See [`Self::serial_of`].
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// Where the guest has it.
    pub fn mount_point(&self) -> String {
        format!("/mnt/lima-{}", self.name)
    }
}

/// Lima's lock of a disk, `in_use_by`: a symbolic link to the instance's directory. Released
/// when dropped.
#[derive(Debug)]
pub struct DiskLock {
    link: PathBuf,
    owner: PathBuf,
}

impl DiskLock {
    /// Takes the disk in `dir` for the instance in `owner`; again is fine.
    ///
    /// # Errors
    /// Another instance has it, or the link can't be made.
    pub fn take(dir: &Path, owner: &Path) -> Result<Self, Error> {
        let link = dir.join("in_use_by");
        let lock = Self { link, owner: owner.to_owned() };
        match symlink(owner, &lock.link) {
            Ok(()) => Ok(lock),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => lock.again(),
            Err(error) => Err(Error::file("lock", dir)(error)),
        }
    }

    fn again(self) -> Result<Self, Error> {
        let holder = fs::read_link(&self.link).map_err(Error::file("read", &self.link))?;
        if holder == self.owner {
            return Ok(self);
        }
        let message = format!("the disk is used by {}", holder.display());
        Err(Error::file("lock", &self.link)(io::Error::other(message)))
    }
}

impl Drop for DiskLock {
    fn drop(&mut self) {
        if fs::read_link(&self.link).is_ok_and(|holder| holder == self.owner) {
            // Nothing can be done about a failure; the next start of this instance takes it again.
            let _ = fs::remove_file(&self.link);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::DiskLock;

    #[test]
    fn one_instance_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = DiskLock::take(dir.path(), Path::new("/lima/a")).unwrap();
        assert!(DiskLock::take(dir.path(), Path::new("/lima/b")).is_err());
        assert!(dir.path().join("in_use_by").is_symlink(), "b must not release a's lock");
        drop(first);
        DiskLock::take(dir.path(), Path::new("/lima/b")).unwrap();
    }
}
