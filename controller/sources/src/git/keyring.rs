//! A GnuPG home that holds the trusted keys and nothing else.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::GitError;
use super::failure::detail;
use super::program::failed_start;
use crate::process::{self, Bounds, Ended};

/// No agent, no network, and every key of the file counts: whoever wrote it decides.
const SETTINGS: &str =
    "batch\nno-tty\nno-autostart\nno-auto-key-retrieve\nno-auto-key-locate\ntrust-model always\n";

/// The home, removed when dropped.
#[derive(Debug)]
pub(super) struct Keyring(TempDir);

impl Keyring {
    /// A home without keys, for which no signature is valid.
    ///
    /// # Errors
    /// It can't be made.
    pub(super) fn empty() -> Result<Self, GitError> {
        let failed = |error| GitError::io(std::env::temp_dir(), error);
        let dir = tempfile::Builder::new().prefix("limekiln-gpg-").tempdir().map_err(failed)?;
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).map_err(failed)?;
        fs::write(dir.path().join("gpg.conf"), SETTINGS).map_err(failed)?;
        Ok(Self(dir))
    }

    /// A home with the keys of a file.
    ///
    /// # Errors
    /// There is no gpg, or it takes no key from the file.
    pub(super) fn import(gpg: &Path, file: &Path, bounds: Bounds) -> Result<Self, GitError> {
        let home = Self::empty()?;
        let mut command = Command::new(gpg);
        command.args(["--batch", "--quiet", "--status-fd", "1", "--import", "--"]).arg(file);
        command.env("GNUPGHOME", home.path()).env("LC_ALL", "C").stdin(Stdio::null());
        let refuse = |reason| GitError::Keys { path: file.to_owned(), reason };
        match process::run(&mut command, bounds, &mut || true) {
            Ok(Ended::Exited { status, out, err }) => {
                if status.success() && out.contains("[GNUPG:] IMPORT_OK ") {
                    Ok(home)
                } else {
                    Err(refuse(format!("gpg imports none: {}", detail(&err))))
                }
            }
            Ok(Ended::TooSlow | Ended::Stopped) => Err(refuse("gpg was too slow".to_owned())),
            Err(error) => Err(failed_start(gpg, error)),
        }
    }

    pub(super) fn path(&self) -> &OsStr {
        self.0.path().as_os_str()
    }
}
