//! virtiofsd: where it is, and what it is started with.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::error::MountError;
use crate::spec::MountSpec;

/// Where distributions put it.
const PLACES: [&str; 4] = [
    "/usr/libexec/virtiofsd",
    "/usr/lib/virtiofsd",
    "/usr/lib/qemu/virtiofsd",
    "/run/current-system/sw/bin/virtiofsd",
];

/// Where QEMU's helpers are described (docs/interop/vhost-user.json of QEMU), below a home or a
/// prefix.
const DESCRIPTIONS: &str = "share/qemu/vhost-user";

/// The program, and what it can.
#[derive(Clone, Debug)]
pub(super) struct Virtiofsd {
    program: PathBuf,
    /// Older ones leave it to the guest not to write.
    has_readonly: bool,
}

/// How a server keeps to its directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sandbox {
    /// In namespaces of its own, with the directory as root.
    Namespace,
    /// By its own care only.
    None,
}

impl Sandbox {
    fn word(self) -> &'static str {
        match self {
            Self::Namespace => "namespace",
            Self::None => "none",
        }
    }
}

impl Virtiofsd {
    /// The first that is the one written in Rust; the older one written in C, which QEMU once
    /// brought along, has other options.
    pub(super) fn find() -> Result<Self, MountError> {
        let candidates = candidates();
        let found = candidates.iter().find_map(|program| Self::at(program));
        found.ok_or(MountError::NoVirtiofsd { looked: candidates })
    }

    fn at(program: &Path) -> Option<Self> {
        let said = |option: &str| {
            let mut command = Command::new(program);
            let output = command.arg(option).stdin(Stdio::null()).output().ok()?;
            output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
        };
        is_rust(&said("--version")?).then(|| Self {
            program: program.to_owned(),
            has_readonly: said("--help").is_some_and(|help| help.contains("--readonly")),
        })
    }

    /// The command that serves the directory on the socket, to one QEMU, and then ends.
    pub(super) fn command(&self, mount: &MountSpec, socket: &Path, sandbox: Sandbox) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--socket-path").arg(socket).arg("--shared-dir").arg(&mount.location);
        command.args(["--sandbox", sandbox.word(), "--log-level", "warn"]);
        if !mount.writable {
            if self.has_readonly {
                command.arg("--readonly");
            } else {
                tracing::warn!(
                    "this virtiofsd has no --readonly: only the guest keeps {} read-only",
                    mount.mount_point
                );
            }
        }
        command
    }
}

/// The one in Rust says its name and a version, and the other one a whole sentence.
fn is_rust(version: &str) -> bool {
    let number = version.trim().strip_prefix("virtiofsd ");
    number.is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
}

fn candidates() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut all: Vec<_> = std::env::split_paths(&path).map(|dir| dir.join("virtiofsd")).collect();
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let data = home.iter().map(|home| home.join(".local").join(DESCRIPTIONS));
    let shared = ["/usr/local", "/usr"].map(|prefix| Path::new(prefix).join(DESCRIPTIONS));
    all.extend(data.chain(shared).flat_map(|dir| described(&dir)));
    all.extend(PLACES.map(PathBuf::from));
    all.extend(home.map(|home| home.join(".cargo/bin/virtiofsd")));
    let mut seen = BTreeSet::new();
    all.retain(|program| program.is_file() && seen.insert(program.clone()));
    all
}

#[derive(Deserialize)]
struct Description {
    #[serde(rename = "type")]
    kind: String,
    binary: PathBuf,
}

/// The programs for file systems that a directory of descriptions names, in its order.
fn described(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    let read = |file: PathBuf| serde_json::from_slice::<Description>(&fs::read(file).ok()?).ok();
    let all = files.into_iter().filter_map(read);
    all.filter(|one| one.kind == "fs").map(|one| one.binary).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    #[test]
    fn the_one_in_c_is_passed_over() {
        assert!(super::is_rust("virtiofsd 1.14.0\n"));
        assert!(!super::is_rust("virtiofsd version 7.2.22 (Debian 1:7.2)\nCopyright"));
    }

    #[test]
    fn descriptions_name_programs() {
        let dir = tempfile::tempdir().expect("a directory");
        let put = |name: &str, text: &str| fs::write(dir.path().join(name), text).expect("written");
        put("50-b.json", r#"{"description": "x", "type": "fs", "binary": "/b"}"#);
        put("40-a.json", r#"{"type": "fs", "binary": "/a", "features": []}"#);
        put("10-gpu.json", r#"{"type": "gpu", "binary": "/gpu"}"#);
        put("broken.json", "{");
        assert_eq!(super::described(dir.path()), [PathBuf::from("/a"), PathBuf::from("/b")]);
    }
}
