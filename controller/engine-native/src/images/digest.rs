//! Digests of files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::ImageError;

/// `sha256:<hex>`, `sha384:<hex>` or `sha512:<hex>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Digest {
    text: String,
    algorithm: Algorithm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Sha256,
    Sha384,
    Sha512,
}

impl Digest {
    /// Every name that [`Self::file_name`] can give.
    pub(super) const FILE_NAMES: [&str; 3] = ["sha256.digest", "sha384.digest", "sha512.digest"];

    /// Reads a template's `digest`.
    pub(super) fn parse(text: &str) -> Result<Self, ImageError> {
        let bad = || ImageError::BadDigest(text.to_owned());
        let (name, hex) = text.split_once(':').ok_or_else(bad)?;
        let (algorithm, length) = match name {
            "sha256" => (Algorithm::Sha256, 64),
            "sha384" => (Algorithm::Sha384, 96),
            "sha512" => (Algorithm::Sha512, 128),
            _ => return Err(bad()),
        };
        let good = hex.len() == length
            && hex.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase());
        if good { Ok(Self { text: text.to_owned(), algorithm }) } else { Err(bad()) }
    }

    /// As it is written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Lima's name of the file that holds it: `sha256.digest`.
    pub(super) fn file_name(&self) -> String {
        format!("{}.digest", self.text.split(':').next().unwrap_or_default())
    }

    /// Hashes the file's real bytes. `progress` gets the bytes so far.
    pub(super) fn check(
        &self,
        path: &Path,
        what: &str,
        progress: impl FnMut(u64),
    ) -> Result<(), ImageError> {
        let hex = match self.algorithm {
            Algorithm::Sha256 => hash::<Sha256>(path, progress),
            Algorithm::Sha384 => hash::<Sha384>(path, progress),
            Algorithm::Sha512 => hash::<Sha512>(path, progress),
        }
        .map_err(ImageError::file("read", path))?;
        let name = self.text.split(':').next().unwrap_or_default();
        let found = format!("{name}:{hex}");
        if found == self.text {
            return Ok(());
        }
        Err(ImageError::Digest { what: what.to_owned(), found, wanted: self.text.clone() })
    }
}

fn hash<D: sha2::Digest>(path: &Path, mut progress: impl FnMut(u64)) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = D::new();
    let mut buffer = vec![0; 1 << 20];
    let mut sum = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        hasher.update(&buffer[..count]);
        sum += count as u64;
        progress(sum);
    }
}

/// The lower-case hex SHA-256 of a text; names cache entries.
pub(super) fn of_text(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
