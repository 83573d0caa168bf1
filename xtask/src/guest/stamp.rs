//! Build stamps: a second run with the same recipe is instant.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// The recipe's fingerprint beside what it made.
pub struct Stamp {
    file: PathBuf,
    text: String,
}

impl Stamp {
    /// A stamp kept in `file`, for everything that the result depends on but package versions.
    pub fn new(file: &Path, recipe: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        recipe.hash(&mut hasher);
        Self { file: file.to_path_buf(), text: format!("{:016x}\n", hasher.finish()) }
    }

    /// True if the last finished build had this recipe.
    pub fn fresh(&self) -> bool {
        fs::read_to_string(&self.file).is_ok_and(|text| text.starts_with(&self.text))
    }

    /// Records a finished build, with notes (the package versions) for readers.
    pub fn write(&self, notes: &[String]) -> std::io::Result<()> {
        fs::write(&self.file, format!("{}{}\n", self.text, notes.join("\n")))
    }
}
