//! The archive that containerd is installed from.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use hadris_iso::write::{FileSource, InputEntry, InputEntryKind, InputMetadata};

use crate::Error;

/// nerdctl-full with containerd and all that belongs to it, as the host has it.
#[derive(Clone, Debug)]
pub struct Archive {
    source: FileSource,
    id: String,
}

impl Archive {
    /// Lima's name of it on the seed volume.
    pub(super) const NAME: &str = "nerdctl-full.tgz";

    /// The file at `path`. It is read when the volume is written, piece by piece: it has some
    /// hundred megabytes.
    ///
    /// # Errors
    /// It can't be read.
    pub fn new(path: &Path) -> Result<Self, Error> {
        let meta = fs::metadata(path).map_err(Error::file("read", path))?;
        let source = FileSource::from_path(path).map_err(Error::file("read", path))?;
        Ok(Self { source, id: format!("{}-{}.{:09}", meta.len(), meta.mtime(), meta.mtime_nsec()) })
    }

    /// By what the guest knows that it has unpacked this one before. The digest that the template
    /// may have would do, too, but which of its archives this is was settled by who fetched it; and
    /// to hash it would make each start longer.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Its place on the seed volume.
    pub(super) fn entry(&self) -> InputEntry {
        let name = Self::NAME.to_owned().into();
        let kind = InputEntryKind::Source(self.source.clone());
        InputEntry { name, kind, metadata: InputMetadata::default() }
    }
}
