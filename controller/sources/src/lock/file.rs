//! The lock file.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use limekiln_api::template::{FetchError, Locator};
use serde::{Deserialize, Serialize};

use super::hash::{is_digest, is_locked, of_bytes};

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
    /// Its folder, absolute: files below are named relative to it, so that they may move together.
    #[serde(skip)]
    pub(super) folder: Option<PathBuf>,
}

impl Default for Lock {
    fn default() -> Self {
        let (images, templates) = Default::default();
        Self { version: VERSION, images, templates, folder: None }
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
    /// What it holds cannot be right.
    #[error("{} is damaged: {key} has {digest:?}, which is no digest", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// The location or locator.
        key: String,
        /// What it has.
        digest: String,
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
        if lock.version != VERSION {
            return Err(LockError::Version { path: path.to_owned(), version: lock.version });
        }
        let all = lock.images.iter().chain(&lock.templates);
        if let Some((key, digest)) = all.into_iter().find(|(_, digest)| !is_digest(digest)) {
            let (path, key, digest) = (path.to_owned(), key.clone(), digest.clone());
            return Err(LockError::Damaged { path, key, digest });
        }
        Ok(Self { folder: folder(path), ..lock })
    }

    /// An empty one that is to be written to a path.
    pub fn beside(path: &Path) -> Self {
        Self { folder: folder(path), ..Self::default() }
    }

    /// How the lock names an image: a file below the lock's folder by its path from there.
    pub fn key(&self, location: &str) -> String {
        let below = self.folder.as_ref().and_then(|folder| {
            let path = Path::new(location.strip_prefix("file://").unwrap_or(location));
            path.strip_prefix(folder).ok()
        });
        below.map_or_else(|| location.to_owned(), |path| format!("./{}", path.display()))
    }

    /// The digest of an image. One that was locked by its whole path is found, too.
    pub fn image(&self, location: &str) -> Option<&String> {
        self.images.get(&self.key(location)).or_else(|| self.images.get(location))
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

fn folder(path: &Path) -> Option<PathBuf> {
    Some(std::path::absolute(path).ok()?.parent()?.to_owned())
}

/// Temporary files are their owner's only; this one is for version control.
fn readable(file: &tempfile::NamedTempFile) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file().set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_beside_it_are_named_from_there() {
        let lock = Lock::beside(Path::new("/m/limekiln.lock"));
        for (location, key) in [
            ("/m/images/a.img", "./images/a.img"),
            ("file:///m/a.img", "./a.img"),
            ("/other/a.img", "/other/a.img"),
            ("/mm/a.img", "/mm/a.img"),
            ("https://h/m/a.img", "https://h/m/a.img"),
            ("~/m/a.img", "~/m/a.img"),
        ] {
            assert_eq!(lock.key(location), key);
        }
    }

    #[test]
    fn a_digest_that_is_none_is_damage() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(Lock::FILE);
        let good = format!("sha256:{}", "a".repeat(64));
        for (digest, fine) in [
            (good.as_str(), true),
            (&good[..70], false),
            (&good.to_uppercase(), false),
            ("md5:d41d8cd98f00b204e9800998ecf8427e", false),
            ("", false),
        ] {
            for field in ["images", "templates"] {
                let other = if field == "images" { "templates" } else { "images" };
                let text =
                    format!(r#"{{"version": 1, "{field}": {{"x": "{digest}"}}, "{other}": {{}}}}"#);
                fs::write(&path, text).expect("ours");
                match Lock::read(&path) {
                    Ok(_) => assert!(fine, "{digest}"),
                    Err(error) => {
                        assert!(
                            !fine && error.to_string().contains("is damaged: x has"),
                            "{error}"
                        );
                    }
                }
            }
        }
    }
}
