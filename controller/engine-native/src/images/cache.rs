//! Lima's download cache: one directory per URL.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::ImageError;
use super::digest::{self, Digest};

/// The entry of one URL, locked for us while this exists.
pub(super) struct Entry {
    dir: PathBuf,
    _lock: File,
}

impl Entry {
    /// Makes and locks the entry; `None` while another download has it.
    pub(super) fn try_lock(cache_dir: &Path, url: &str) -> Result<Option<Self>, ImageError> {
        let dir = cache_dir.join("lima/download/by-url-sha256").join(digest::of_text(url));
        fs::create_dir_all(&dir).map_err(ImageError::file("make", &dir))?;
        // As Lima does: the directory itself is locked, there is no lock file.
        let lock = File::open(&dir).map_err(ImageError::file("open", &dir))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(ImageError::file("lock", &dir)(error)),
        }
        let entry = Self { dir, _lock: lock };
        entry.note("url", url)?;
        Ok(Some(entry))
    }

    /// The bytes as downloaded.
    pub(super) fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// What has been downloaded so far. Lima's `prune` sweeps files of this name.
    pub(super) fn part(&self) -> PathBuf {
        self.dir.join("data.part")
    }

    /// What the server called the version of which `part` is the beginning.
    pub(super) fn part_validator(&self) -> Option<String> {
        fs::read_to_string(self.dir.join("data.part.validator")).ok()
    }

    /// Notes the version of which `part` will be the beginning; `None` if the server names none.
    pub(super) fn set_part_validator(&self, validator: Option<&str>) -> Result<(), ImageError> {
        match validator {
            Some(validator) => self.note("data.part.validator", validator),
            None => self.forget("data.part.validator"),
        }
    }

    /// `Last-Modified` of the cached bytes.
    pub(super) fn time(&self) -> Option<String> {
        fs::read_to_string(self.dir.join("time")).ok()
    }

    /// Drops what is cached.
    pub(super) fn discard(&self) -> Result<(), ImageError> {
        self.discard_part()?;
        self.forget("data")?;
        self.forget_notes()
    }

    /// Drops what has been downloaded so far; what is cached stays.
    pub(super) fn discard_part(&self) -> Result<(), ImageError> {
        ["data.part", "data.part.validator"].iter().try_for_each(|name| self.forget(name))
    }

    /// Makes `part`, which is whole and checked, the cached bytes. What is noted of the bytes
    /// before goes first and comes last: after a crash in between, nothing false is noted. Lima
    /// believes a digest that stands here without hashing.
    pub(super) fn finish(
        &self,
        time: Option<&str>,
        kind: Option<&str>,
        digest: Option<&Digest>,
    ) -> Result<(), ImageError> {
        let part = self.part();
        File::open(&part)
            .and_then(|file| file.sync_all())
            .map_err(ImageError::file("write", &part))?;
        self.forget_notes()?;
        fs::rename(&part, self.data()).map_err(ImageError::file("write", &self.data()))?;
        self.set_part_validator(None)?;
        for (name, text) in [("time", time), ("type", kind)] {
            if let Some(text) = text {
                self.note(name, text)?;
            }
        }
        digest.map_or(Ok(()), |digest| self.note_digest(digest))
    }

    fn forget_notes(&self) -> Result<(), ImageError> {
        let digests = Digest::FILE_NAMES.iter().copied();
        digests.chain(["time", "type"]).try_for_each(|name| self.forget(name))
    }

    /// Notes a digest that the cached bytes have been found to have.
    pub(super) fn note_digest(&self, digest: &Digest) -> Result<(), ImageError> {
        self.note(&digest.file_name(), digest.text())
    }

    fn note(&self, name: &str, text: &str) -> Result<(), ImageError> {
        let path = self.dir.join(name);
        fs::write(&path, text).map_err(ImageError::file("write", &path))
    }

    fn forget(&self, name: &str) -> Result<(), ImageError> {
        let path = self.dir.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(ImageError::file("remove", &path)(error))
            }
            _ => Ok(()),
        }
    }
}
