//! The lock file.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use limekiln_api::template::{FetchError, Locator};
use serde::{Deserialize, Serialize};

use super::hash::{is_locked, of_bytes};

/// The only version there is.
const VERSION: u32 = 1;

/// Digests of all that a set of manifests resolves to. As JSON, sorted, one digest a line, so that
/// a change of one is a change of one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lock {
    /// The format: 1.
    pub version: u32,
    /// Digests of images, kernels, RAM disks, firmware and archives, by location.
    pub images: BTreeMap<String, String>,
    /// SHA-256 of templates and scripts that are not files, by locator.
    pub templates: BTreeMap<String, String>,
}

impl Default for Lock {
    fn default() -> Self {
        Self { version: VERSION, images: BTreeMap::new(), templates: BTreeMap::new() }
    }
}

/// A lock file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Missing, or no permission.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Not what `limekiln lock` writes.
    #[error("{} is no lock file", path.display())]
    Format {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Written by something newer.
    #[error("{} has version {version}, and this program reads {VERSION}", path.display())]
    Version {
        /// Which.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// It cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Lock {
    /// Its name, beside the manifests.
    pub const FILE: &str = "limekiln.lock";

    /// Reads a lock file.
    ///
    /// # Errors
    /// If it is missing or is none.
    pub fn read(path: &Path) -> Result<Self, LockError> {
        let read = |source| LockError::Read { path: path.to_owned(), source };
        let format = |source| LockError::Format { path: path.to_owned(), source };
        let text = fs::read_to_string(path).map_err(read)?;
        let lock: Self = serde_json::from_str(&text).map_err(format)?;
        match lock.version {
            VERSION => Ok(lock),
            version => Err(LockError::Version { path: path.to_owned(), version }),
        }
    }

    /// Writes the lock file, whole or not at all.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), LockError> {
        let write = |source| LockError::Write { path: path.to_owned(), source };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let mut text = serde_json::to_string_pretty(self).map_err(|error| write(error.into()))?;
        text.push('\n');
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(write)?;
        file.write_all(text.as_bytes()).map_err(write)?;
        file.as_file().sync_all().map_err(write)?;
        readable(&file).map_err(write)?;
        file.persist(path).map_err(|error| write(error.error))?;
        fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(write)
    }

    /// Whether the text is the one that was locked.
    ///
    /// # Errors
    /// If it is another one, or none was locked.
    pub(super) fn check_text(&self, locator: &Locator, bytes: &[u8]) -> Result<(), FetchError> {
        if !is_locked(locator) {
            return Ok(());
        }
        let found = of_bytes(bytes);
        match self.templates.get(&locator.to_string()) {
            None => Err(FetchError::new(format!("{locator} is not in the lock file"))
                .hint("`limekiln lock` with the same -f adds it")),
            Some(locked) if *locked != found => Err(FetchError::new(format!(
                "{locator} has changed: it was locked with {locked}, and now has {found}"
            ))
            .hint("look at what it is now (`limekiln template copy --verbatim`); `limekiln lock` accepts it")),
            Some(_) => Ok(()),
        }
    }
}

/// Temporary files are their owner's only; this one is for version control.
fn readable(file: &tempfile::NamedTempFile) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file().set_permissions(fs::Permissions::from_mode(0o644))
}
