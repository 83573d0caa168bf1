//! Files of the guest that the host gets when it is ready (`copyToHost`).

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::timeout;

use super::agent::Agent;
use crate::spec::{CopySpec, MountSpec};
use crate::ssh::shell::{self, UNLOCK};
use crate::{atomic, chain};

/// Whatever the guest says, the host keeps no more of it.
const LARGEST: u64 = 16 << 20;
/// A guest that hangs must not hold up the rest for ever.
const DEADLINE: Duration = Duration::from_secs(60);
/// How the guest's side says that there is no such file.
const MISSING: i32 = 44;
/// And that it may not look as root.
const NO_ROOT: i32 = 45;

/// What came of a file in the guest.
enum Got {
    Bytes(Vec<u8>),
    Nothing,
}

impl Agent {
    /// Copies the files. What failed, in words.
    pub(super) async fn copy_to_host(&self) -> Vec<String> {
        let mut errors = Vec::new();
        for copy in &self.guest.copies {
            self.shared.waits_for(&format!("a copy of {}", copy.guest));
            if let Err(why) = self.copy(copy).await {
                errors.push(format!("{} is not on the host: {why}", copy.guest));
            }
        }
        errors
    }

    async fn copy(&self, copy: &CopySpec) -> Result<(), String> {
        if let Some(mount) = within(&copy.host, &self.guest.mounts) {
            let (host, place) = (copy.host.display(), mount.location.display());
            return Err(format!("{host} is in {place}, where the guest could lead it elsewhere"));
        }
        let fetched = timeout(DEADLINE, self.fetch(&copy.guest)).await;
        match fetched.map_err(|_| format!("it did not come within {} s", DEADLINE.as_secs()))?? {
            Got::Bytes(bytes) => store(&copy.host, &bytes),
            Got::Nothing if copy.skip_if_missing => Ok(()),
            Got::Nothing => Err("the guest has no such file".to_owned()),
        }
    }

    async fn fetch(&self, path: &str) -> Result<Got, String> {
        let mut ssh = Command::from(self.session.command(&script(path)));
        ssh.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let failed = |error: io::Error| format!("cannot run ssh: {error}");
        let mut child = ssh.spawn().map_err(failed)?;
        let mut bytes = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            stdout.take(LARGEST + 1).read_to_end(&mut bytes).await.map_err(failed)?;
        }
        if bytes.len() as u64 > LARGEST {
            return Err(format!("it has more than {} MiB", LARGEST >> 20));
        }
        let status = child.wait().await.map_err(failed)?;
        match status.code() {
            Some(0) => Ok(Got::Bytes(bytes)),
            Some(MISSING) => Ok(Got::Nothing),
            Some(NO_ROOT) => {
                Err("the guest's user may not read it, and cannot use sudo".to_owned())
            }
            _ => Err("it cannot be read in the guest".to_owned()),
        }
    }

    /// Removes the copies that are there for as long as the VM runs.
    pub(super) fn remove_copies(&self) {
        for copy in self.guest.copies.iter().filter(|copy| copy.delete_on_stop) {
            if within(&copy.host, &self.guest.mounts).is_none() {
                // One that is gone already is fine.
                let _ = fs::remove_file(&copy.host);
            }
        }
    }
}

/// Prints a file: as the user, or where that may not, as root. Where sudo can't be used, only what
/// is missing from a directory that the user may search is known to be missing.
fn script(path: &str) -> String {
    let script = format!(
        "if [ -r \"$1\" ]; then exec cat \"$1\"; fi
        [ -e \"$1\" ] || [ -L \"$1\" ] || [ ! -x \"${{1%/*}}/\" ] || exit {MISSING}
        {UNLOCK}
        sudo -n true || exit {NO_ROOT}
        if sudo -n test -e \"$1\"; then sudo -n cat \"$1\"; exit; fi
        exit {MISSING}"
    );
    shell::script(&script, &[path])
}

/// The writable mount that a path leads through: what is below it may be a link by the time that
/// it is written.
fn within<'a>(path: &Path, mounts: &'a [MountSpec]) -> Option<&'a MountSpec> {
    let real = |path: &Path| path.canonicalize().ok();
    mounts.iter().filter(|mount| mount.writable).find(|mount| {
        let place = real(&mount.location).unwrap_or_else(|| mount.location.clone());
        path.ancestors().any(|part| {
            part.starts_with(&mount.location)
                || real(part).is_some_and(|part| part.starts_with(&place))
        })
    })
}

/// For this user alone.
fn store(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|error| format!("cannot make {}: {error}", dir.display()))?;
    atomic::write(path, bytes, 0o600).map_err(|error| chain(&error))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::*;
    use crate::spec::MountKind;
    use crate::ssh::{fake_sudo, programs};

    #[test]
    fn a_file_is_printed_whatever_its_name() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("it's $(x) \"y\"");
        fs::write(&path, "text").expect("writable");
        assert_eq!(run(dir.path(), &path).stdout, b"text");
        assert_eq!(run(dir.path(), &dir.path().join("none")).status.code(), Some(MISSING));
    }

    /// It may be there.
    #[test]
    fn a_file_that_only_root_can_look_for_is_not_said_to_be_missing() {
        let dir = tempfile::tempdir().expect("a directory");
        let unseen = dir.path().join("none/file");
        for (sudo, code) in [("exit 1", NO_ROOT), ("shift; exec \"$@\"", MISSING)] {
            fake_sudo(dir.path(), &format!("#!/bin/sh\n{sudo}\n"));
            assert_eq!(run(dir.path(), &unseen).status.code(), Some(code), "{sudo}");
        }
    }

    /// With the home's programs first.
    fn run(home: &Path, path: &Path) -> std::process::Output {
        let mut sh = Command::new("sh");
        sh.arg("-c").arg(script(&path.to_string_lossy()));
        sh.env("HOME", home).env("PATH", programs(home)).output().expect("sh")
    }

    #[test]
    fn no_copy_goes_through_what_the_guest_can_write() {
        let dir = tempfile::tempdir().expect("a directory");
        let (shared, link) = (dir.path().join("shared"), dir.path().join("link"));
        fs::create_dir(&shared).expect("writable");
        symlink("shared", &link).expect("writable");
        let mount = |writable| {
            let kind = MountKind::Virtiofs { queue_size: 1024 };
            let mount_point = "/mnt".to_owned();
            [MountSpec { location: shared.clone(), mount_point, writable, kind }]
        };
        for inside in [shared.join("a/b"), link.join("a"), shared.clone()] {
            assert!(within(&inside, &mount(true)).is_some(), "{}", inside.display());
            assert!(within(&inside, &mount(false)).is_none());
        }
        assert!(within(&dir.path().join("a"), &mount(true)).is_none());
        assert!(within(&dir.path().join("shared2/a"), &mount(true)).is_none());
    }

    #[test]
    fn a_copy_is_for_its_user_alone_and_replaces_a_link() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a directory");
        let (file, other) = (dir.path().join("new/file"), dir.path().join("other"));
        fs::write(&other, "keep").expect("writable");
        fs::create_dir(dir.path().join("new")).expect("writable");
        symlink(&other, &file).expect("writable");
        store(&file, b"text").expect("stored");
        assert_eq!(fs::read(&other).expect("there"), b"keep");
        assert_eq!(fs::read(&file).expect("there"), b"text");
        let mode = fs::symlink_metadata(&file).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
