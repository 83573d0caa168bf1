//! The digest of an image whose template names none.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::hash::{hex, of_reader};
use crate::templates::open_url;

/// Finds digests from the bytes themselves.
#[derive(Clone, Debug)]
pub struct ImageDigests {
    /// The user's cache directory; Lima's downloads are below.
    pub cache_dir: PathBuf,
    /// For `~`.
    pub home: PathBuf,
    /// Whether what is neither a file nor downloaded may be read from its server, to the end.
    pub download: bool,
}

/// Why a digest is not known.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// It would have to be downloaded.
    #[error("{0} has no digest and was never downloaded")]
    Unknown(String),
    /// Its bytes cannot be read.
    #[error("cannot read {what}")]
    Read {
        /// The location.
        what: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl ImageDigests {
    /// `sha256:<hex>` of the image's bytes as they are downloaded.
    ///
    /// # Errors
    /// If there are none to look at.
    pub fn of(&self, location: &str) -> Result<String, ImageError> {
        let read = |source| ImageError::Read { what: location.to_owned(), source };
        match self.local(location) {
            Some(path) => File::open(path).and_then(of_reader).map_err(read),
            None if self.download => open_url(location).and_then(of_reader).map_err(read),
            None => Err(ImageError::Unknown(location.to_owned())),
        }
    }

    /// The digest of an image that is a file on this host; `None` if it is none, or not there.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn of_file(&self, location: &str) -> Result<Option<String>, ImageError> {
        let remote = location.contains("://") && !location.starts_with("file://");
        let there = self.local(location).is_some_and(|path| path.is_file());
        if remote || !there { Ok(None) } else { self.of(location).map(Some) }
    }

    /// The file itself, or what was downloaded of it.
    fn local(&self, location: &str) -> Option<PathBuf> {
        if let Some(path) = location.strip_prefix("file://") {
            return Some(path.into());
        }
        if location.contains("://") {
            let entry = hex(&Sha256::digest(location.as_bytes()));
            let folder = self.cache_dir.join("lima/download/by-url-sha256").join(entry);
            let data = folder.join("data");
            return fs::exists(&data).is_ok_and(|there| there).then_some(data);
        }
        Some(match location.strip_prefix("~/") {
            Some(rest) => self.home.join(rest),
            None => Path::new(location).to_owned(),
        })
    }
}
