//! Where things are below `$LIMA_HOME`.

use std::path::{Path, PathBuf};

use limekiln_model::{Kind, Name, ObjectId};

/// `$LIMA_HOME`.
#[derive(Clone, Debug)]
pub(crate) struct Paths(PathBuf);

impl Paths {
    pub(crate) fn new(home: &Path) -> Self {
        Self(home.to_owned())
    }

    pub(crate) fn home(&self) -> &Path {
        &self.0
    }

    /// An instance's directory.
    pub(crate) fn instance(&self, name: &Name) -> PathBuf {
        self.0.join(name.as_str())
    }

    /// The directory of all additional disks.
    pub(crate) fn disks(&self) -> PathBuf {
        self.0.join("_disks")
    }

    /// An additional disk's directory.
    pub(crate) fn disk(&self, name: &Name) -> PathBuf {
        self.disks().join(name.as_str())
    }

    /// Ours alone.
    fn own(&self) -> PathBuf {
        self.0.join("_limekiln")
    }

    /// Objects that are being made; they appear in their place whole, by a rename.
    pub(crate) fn staging(&self) -> PathBuf {
        self.own().join("staging")
    }

    /// Deleted objects that can be brought back.
    pub(crate) fn trash(&self) -> PathBuf {
        self.own().join("trash")
    }

    /// Deleted objects that are on their way out.
    pub(crate) fn purge(&self) -> PathBuf {
        self.own().join("purge")
    }

    /// Where an object lies; networks are not directories.
    pub(crate) fn object(&self, id: &ObjectId) -> Option<PathBuf> {
        match id.kind {
            Kind::Instance => Some(self.instance(&id.name)),
            Kind::Disk => Some(self.disk(&id.name)),
            Kind::Network => None,
        }
    }
}
