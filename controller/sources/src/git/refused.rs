//! Packs of a fetch that failed or whose commits were refused.
//!
//! Those of the last one are kept: the remote is asked again and again, must not send the same each
//! time, and whoever agrees to a rewind has it at once. Those of earlier ones go, since whoever can
//! push could fill the disk with them. Which they are is written beside them, so that it holds for
//! each process that works here and after each death.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::GitError;
use super::cache::{self, Packs};

/// The file that names them, one in a line.
const LIST: &str = "refused";

/// What came since then is not to be acted on. If nothing did, it was here before, and is what it
/// was.
///
/// # Errors
/// What is no longer kept can't be removed.
pub(super) fn keep(dir: &Path, before: &Packs) -> Result<(), GitError> {
    let came = cache::packs(dir).names_since(before);
    if came.is_empty() {
        return Ok(());
    }
    forget(dir)?;
    // What can't be written down, as on a full disk, would be forgotten by nobody.
    fs::write(dir.join(LIST), came.join("\n")).or_else(|_| cache::forget_packs(dir, before))
}

/// From now on they may be a part of what is acted on.
///
/// # Errors
/// The list can't be removed.
pub(super) fn accept(dir: &Path) -> Result<(), GitError> {
    cache::remove(&dir.join(LIST))
}

/// Removes them. Nothing that was read with success needs them: it was here before.
///
/// # Errors
/// They can't be removed.
pub(super) fn forget(dir: &Path) -> Result<(), GitError> {
    let list = dir.join(LIST);
    let names = match fs::read(&list) {
        Ok(names) => names,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(GitError::io(list, error)),
    };
    // A list that was torn names what is not there.
    for name in String::from_utf8_lossy(&names).lines().filter(|name| is_pack(name)) {
        cache::remove(&dir.join("objects/pack").join(name))?;
    }
    cache::remove(&list)
}

fn is_pack(name: &str) -> bool {
    name.starts_with("pack-") && !name.contains(['/', '\0'])
}
