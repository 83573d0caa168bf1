//! OpenSSH's sftp-server: where it is, and what it is started with.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::MountError;
use crate::spec::MountSpec;

/// Where distributions put it, in Lima's order; none has it on the `PATH`.
const PLACES: [&str; 7] = [
    "/opt/homebrew/opt/openssh/libexec/sftp-server",
    "/usr/libexec/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/lib/sftp-server",
    "/usr/lib/openssh/sftp-server",
    "/usr/lib/ssh/sftp-server",
    "/run/current-system/sw/libexec/sftp-server",
];

/// The first that exists.
pub(super) fn find() -> Result<PathBuf, MountError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|dir| dir.join("sftp-server"));
    let found = on_path.chain(PLACES.map(PathBuf::from)).find(|program| program.is_file());
    found.ok_or_else(|| MountError::NoSftpServer { looked: PLACES.map(PathBuf::from).to_vec() })
}

/// The command that serves the mount's directory on its standard input and output.
///
/// Whether the guest may write is decided here and not by what the guest was asked to do.
pub(super) fn command(program: &Path, mount: &MountSpec) -> Command {
    let mut command = Command::new(program);
    command.arg("-e").arg("-d").arg(without_tokens(mount.location.as_os_str()));
    if !mount.writable {
        command.arg("-R");
    }
    command
}

/// sftp-server(8) replaces `%u` and the like in its start directory.
fn without_tokens(path: &OsStr) -> OsString {
    let bytes = path.as_bytes().iter();
    let doubled =
        bytes.flat_map(|&byte| std::iter::repeat_n(byte, if byte == b'%' { 2 } else { 1 }));
    OsString::from_vec(doubled.collect())
}

/// Makes the directory if it is missing, as Lima does, and sees that it is one.
pub(super) fn prepare(location: &Path) -> Result<(), MountError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o755).create(location);
    made.and_then(|()| fs::read_dir(location)).map(drop).map_err(|source| {
        // Of a file in its place it says only that something exists.
        let source = match source.kind() {
            io::ErrorKind::AlreadyExists => io::ErrorKind::NotADirectory.into(),
            _ => source,
        };
        MountError::Location { path: location.to_owned(), source }
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read, Write};
    use std::path::Path;
    use std::process::{Child, Stdio};

    use super::super::confine::{self, Bounds};
    use crate::chain;
    use crate::spec::{MountKind, MountSpec};

    #[test]
    fn a_percent_sign_is_no_token() {
        assert_eq!(super::without_tokens("/a%u".as_ref()), "/a%%u");
    }

    #[test]
    fn a_missing_directory_is_made_and_a_file_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        super::prepare(&dir.path().join("a/b")).expect("made");
        assert!(dir.path().join("a/b").is_dir());
        fs::write(dir.path().join("file"), "").expect("written");
        let error = super::prepare(&dir.path().join("file")).expect_err("a file");
        assert!(chain(&error).contains("not a directory"), "{error}");
    }

    /// A guest that asks for what it likes, as draft-ietf-secsh-filexfer-02 says.
    struct Guest(Child);

    const OPEN: u8 = 3;
    const SETSTAT: u8 = 9;
    const STATUS: u8 = 101;
    const HANDLE: u8 = 102;

    impl Guest {
        fn new(program: &Path, mount: &MountSpec) -> Self {
            let mut command = super::command(program, mount);
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
            let bounds = Bounds {
                directory: mount.location.clone(),
                writable: mount.writable,
                program: program.to_owned(),
            };
            let mut guest = Self(confine::spawn(command, bounds).expect("started"));
            guest.ask(&[1, 0, 0, 0, 3]);
            guest
        }

        /// Sends a message; returns the type of the answer and the code of a status.
        fn ask(&mut self, message: &[u8]) -> (u8, u8) {
            let length = u32::try_from(message.len()).expect("short");
            let stdin = self.0.stdin.as_mut().expect("piped");
            stdin.write_all(&[&length.to_be_bytes(), message].concat()).expect("it reads");
            let stdout = self.0.stdout.as_mut().expect("piped");
            let mut length = [0; 4];
            stdout.read_exact(&mut length).expect("it answers");
            let mut answer = vec![0; u32::from_be_bytes(length) as usize];
            stdout.read_exact(&mut answer).expect("it answers");
            (answer[0], if answer[0] == STATUS { answer[8] } else { 0 })
        }

        fn of_path(&mut self, what: u8, path: &Path, rest: &[u8]) -> (u8, u8) {
            let path = path.as_os_str().as_encoded_bytes();
            let length = u32::try_from(path.len()).expect("short").to_be_bytes();
            self.ask(&[&[what, 0, 0, 0, 7][..], &length, path, rest].concat())
        }

        /// Opens a file to read, or to write and make.
        fn opens(&mut self, path: &Path, write: bool) -> bool {
            let flags = if write { 0x2 | 0x8 } else { 0x1 };
            self.of_path(OPEN, path, &[0, 0, 0, flags, 0, 0, 0, 0]).0 == HANDLE
        }
    }

    impl Drop for Guest {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    fn a_guest_gets_the_directory_and_nothing_else() {
        let Ok(program) = super::find() else {
            println!("SKIPPED: there is no sftp-server on this host");
            return;
        };
        let dir = tempfile::tempdir().expect("a directory");
        let (inside, outside) = (dir.path().join("in"), dir.path().join("secret"));
        fs::create_dir(&inside).expect("made");
        fs::write(inside.join("file"), "").expect("written");
        fs::write(&outside, "").expect("written");
        let kind = MountKind::ReverseSshfs { cache: true, follow_symlinks: false };
        let (location, mount_point) = (inside.clone(), "/mnt".to_owned());
        let mut mount = MountSpec { location, mount_point, writable: false, kind };

        let mut guest = Guest::new(&program, &mount);
        assert!(guest.opens(&inside.join("file"), false));
        assert!(!guest.opens(&inside.join("new"), true), "read-only is the host's to enforce");
        let mode = [0, 0, 0, 4, 0, 0, 0o1, 0o777_u16 as u8];
        assert_eq!(guest.of_path(SETSTAT, &outside, &mode), (STATUS, 3), "permission denied");
        let has_landlock = confine::kernel_holds();
        assert_eq!(guest.opens(&outside, false), !has_landlock);

        mount.writable = true;
        let mut guest = Guest::new(&program, &mount);
        assert!(guest.opens(&inside.join("new"), true));
        assert_eq!(guest.opens(&outside, true), !has_landlock);
        assert_eq!(guest.opens(&dir.path().join("in/../new"), true), !has_landlock);
    }
}
