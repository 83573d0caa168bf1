//! The options that every connection uses, in Lima's order.

use std::path::Path;

use super::{SshError, key};
use crate::files::InstanceFiles;
use crate::spec::GuestSpec;

/// One option of ssh_config(5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshOption {
    /// Its name.
    pub key: &'static str,
    /// Its value, with quotes where it needs them.
    pub value: String,
}

/// All options but host and port.
///
/// # Errors
/// A value holds a line break, which would add an option of its own.
pub fn options(
    lima_home: &Path,
    files: &InstanceFiles,
    guest: &GuestSpec,
) -> Result<Vec<SshOption>, SshError> {
    let mut options = identities(lima_home, guest.load_dot_ssh);
    for (key, value) in [
        ("StrictHostKeyChecking", "no"),
        ("UserKnownHostsFile", "/dev/null"),
        ("NoHostAuthenticationForLocalhost", "yes"),
        ("PreferredAuthentications", "publickey"),
        ("Compression", "no"),
        ("BatchMode", "yes"),
        ("IdentitiesOnly", "yes"),
        ("Ciphers", ciphers()),
        ("User", &guest.user),
        ("ControlMaster", "auto"),
        ("ControlPath", &quoted(&files.ssh_sock())),
        ("ControlPersist", "yes"),
    ] {
        options.push(SshOption { key, value: value.to_owned() });
    }
    for (key, wanted) in [
        ("ForwardAgent", guest.forward_agent),
        ("ForwardX11", guest.forward_x11),
        ("ForwardX11Trusted", guest.forward_x11_trusted),
    ] {
        if wanted {
            options.push(SshOption { key, value: "yes".to_owned() });
        }
    }
    match options.iter().find(|option| option.value.contains(['\n', '\r'])) {
        Some(option) => Err(SshError::LineBreak { key: option.key }),
        None => Ok(options),
    }
}

fn identities(lima_home: &Path, dot_ssh: bool) -> Vec<SshOption> {
    let others = if dot_ssh { key::dot_ssh_keys() } else { Vec::new() };
    std::iter::once(key::identity(lima_home))
        .chain(others.into_iter().map(|(private, _)| private))
        .map(|path| SshOption { key: "IdentityFile", value: quoted(&path) })
        .collect()
}

pub(super) fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display())
}

/// The quickest of what both sides have; the caret keeps all others behind (OpenSSH 8.1).
fn ciphers() -> &'static str {
    if has_aes() {
        "\"^aes128-gcm@openssh.com,aes256-gcm@openssh.com\""
    } else {
        "\"^chacha20-poly1305@openssh.com\""
    }
}

/// Whether the processor has instructions for AES.
fn has_aes() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("aes");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    false
}
