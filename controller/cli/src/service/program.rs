//! Where this program is.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The path by which this program was called, where that leads to it: on Linux the kernel tells the
/// one behind all links, and where package managers put each version into a place of its own, as Nix
/// and Homebrew do, that is gone after an upgrade.
///
/// # Errors
/// If the system cannot tell where it is.
pub fn program() -> io::Result<PathBuf> {
    let itself = std::env::current_exe()?;
    let called = std::env::args_os().next();
    let path = std::env::var_os("PATH");
    let found = called.and_then(|word| found(&word, path.as_deref(), &itself));
    Ok(found.unwrap_or(itself))
}

/// Where a shell finds the word, if it is that program.
fn found(word: &OsStr, path: Option<&OsStr>, itself: &Path) -> Option<PathBuf> {
    let is_it =
        |candidate: &PathBuf| number(candidate).is_some_and(|it| Some(it) == number(itself));
    let named = Path::new(word);
    if named.components().count() > 1 {
        return std::path::absolute(named).ok().filter(is_it);
    }
    let folders = std::env::split_paths(path?);
    folders.filter_map(|folder| std::path::absolute(folder.join(named)).ok()).find(is_it)
}

/// Which file it is.
fn number(path: &Path) -> Option<(u64, u64)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_to_it_is_kept_and_another_program_of_its_name_is_not() {
        let dir = tempfile::tempdir().expect("dir");
        let folder = |name: &str| {
            let folder = dir.path().join(name);
            fs::create_dir(&folder).expect("new");
            folder
        };
        let [version, other, bin] = ["v1", "other", "bin"].map(folder);
        let itself = version.join("limekiln");
        fs::write(&itself, "1").expect("writable");
        fs::write(other.join("limekiln"), "2").expect("writable");
        let link = bin.join("limekiln");
        symlink(&itself, &link).expect("new");
        let path = std::env::join_paths([&other, &bin, &version]).expect("a path");
        let at = |word: &OsStr, path| found(word, path, &itself);
        let word = OsStr::new("limekiln");
        assert_eq!(at(word, Some(&path)), Some(link.clone()));
        assert_eq!(at(link.as_os_str(), None), Some(link));
        assert_eq!(at(itself.as_os_str(), None), Some(itself.clone()));
        assert_eq!(at(other.join("limekiln").as_os_str(), Some(&path)), None);
        assert_eq!(at(word, Some(other.as_os_str())), None);
        assert_eq!(at(word, None), None);
    }
}
