//! The key pair of this home, `_config/user`.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::SshError;

/// The private key that all instances of this home let in.
pub(super) fn identity(lima_home: &Path) -> PathBuf {
    lima_home.join("_config/user")
}

/// The public keys that the guest lets in: this home's, which is made if it is missing, and with
/// `dot_ssh` also those in `~/.ssh`.
pub(crate) fn authorized_keys(lima_home: &Path, dot_ssh: bool) -> Result<Vec<String>, SshError> {
    let identity = identity(lima_home);
    ensure(&identity)?;
    let own = identity.with_extension("pub");
    let mut keys = vec![read(&own)?];
    if dot_ssh {
        for (_, key) in dot_ssh_keys() {
            keys.push(key);
        }
    }
    Ok(keys)
}

/// Private keys in `~/.ssh` that have a public key beside them, with that.
pub(super) fn dot_ssh_keys() -> Vec<(PathBuf, String)> {
    let Some(home) = std::env::var_os("HOME") else { return Vec::new() };
    let Ok(entries) = fs::read_dir(PathBuf::from(home).join(".ssh")) else { return Vec::new() };
    let mut keys: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "pub"))
        .filter_map(|path| Some((path.with_extension(""), read(&path).ok()?)))
        .filter(|(private, key)| private.exists() && key.split(' ').count() >= 2)
        .collect();
    keys.sort();
    keys
}

fn read(path: &Path) -> Result<String, SshError> {
    let text = fs::read_to_string(path).map_err(failed(path))?;
    Ok(text.trim().to_owned())
}

/// Makes the key if it is missing. Of several host agents that start at once, one makes it.
fn ensure(identity: &Path) -> Result<(), SshError> {
    if identity.exists() {
        return Ok(());
    }
    let dir = identity.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed(dir))?;
    let lock = File::open(dir).map_err(failed(dir))?;
    // The directory itself, as Lima locks it.
    lock.lock().map_err(failed(dir))?;
    if identity.exists() {
        return Ok(());
    }
    let output = Command::new("ssh-keygen")
        .args(["-t", "ed25519", "-q", "-N", "", "-C", "lima", "-f"])
        .arg(identity)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| SshError::Program { program: "ssh-keygen", source })?;
    if output.status.success() {
        return Ok(());
    }
    Err(SshError::Keygen(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> SshError {
    let path = path.to_owned();
    move |source| SshError::File { path, source }
}
