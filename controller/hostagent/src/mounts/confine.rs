//! Keeping the SFTP server in its directory.
//!
//! An SFTP client may ask for any path, and the client is the guest: without this, one that was
//! broken into reads whatever this user may read. On Linux the server starts in a Landlock domain
//! (landlock(7)), in which it can open nothing but the directory and what a program needs to run.
//! Landlock does not keep apart who may ask for the existence, size and modes of a file by its
//! path, or change modes and times; docs/threat-model.md says what that means.

use std::io;
use std::path::PathBuf;
use std::process::{Child, Command};

/// What a server may open.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    /// The directory.
    pub(super) directory: PathBuf,
    /// Whether it may be changed.
    pub(super) writable: bool,
    /// The server's own program.
    pub(super) program: PathBuf,
}

/// Starts the command within the bounds; says in the log if this kernel can't hold it there.
pub(super) fn spawn(mut command: Command, bounds: Bounds) -> io::Result<Child> {
    // The domain is the thread's and its children's, for good.
    let thread = std::thread::spawn(move || {
        enter(&bounds)?;
        command.spawn()
    });
    thread.join().map_err(|_| io::Error::other("a thread failed"))?
}

#[cfg(target_os = "linux")]
fn enter(bounds: &Bounds) -> io::Result<()> {
    use landlock::RulesetStatus::{FullyEnforced, NotEnforced, PartiallyEnforced};
    match domain(bounds).map_err(io::Error::other)?.ruleset {
        FullyEnforced | PartiallyEnforced => {}
        NotEnforced => tracing::warn!(
            "this kernel has no Landlock: a guest that is broken into can ask the SFTP server for \
             any file that you may read"
        ),
    }
    Ok(())
}

/// Programs, libraries, and what the C library looks up of users and time.
#[cfg(target_os = "linux")]
const RUNTIME: [&str; 10] = [
    "/usr",
    "/lib",
    "/lib64",
    "/nix/store",
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/etc/passwd",
    "/etc/group",
    "/etc/nsswitch.conf",
    "/etc/localtime",
];

#[cfg(target_os = "linux")]
fn domain(bounds: &Bounds) -> Result<landlock::RestrictionStatus, landlock::RulesetError> {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, Scope,
        path_beneath_rules,
    };
    // What an older kernel doesn't know is left out.
    let abi = ABI::V6;
    let (read, all) = (AccessFs::from_read(abi), AccessFs::from_all(abi));
    let directory = if bounds.writable { all } else { read };
    let program = [bounds.program.as_path()];
    Ruleset::default()
        .handle_access(all)?
        .handle_access(AccessNet::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()?
        .add_rules(path_beneath_rules(RUNTIME, read))?
        .add_rules(path_beneath_rules(program, read))?
        // OpenSSH opens it to read and write.
        .add_rules(path_beneath_rules(["/dev/null"], all))?
        .add_rules(path_beneath_rules([&bounds.directory], directory))?
        .restrict_self()
}

#[cfg(not(target_os = "linux"))]
fn enter(_: &Bounds) -> io::Result<()> {
    Ok(())
}

/// Whether this kernel has Landlock.
#[cfg(all(test, target_os = "linux"))]
pub(super) fn kernel_holds() -> bool {
    use landlock::{ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr};
    let strict = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    let handled = strict.handle_access(AccessFs::from_all(ABI::V1));
    handled.is_ok_and(|ruleset| ruleset.create().is_ok())
}

#[cfg(all(test, not(target_os = "linux")))]
pub(super) fn kernel_holds() -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;
    use std::process::{Command, Stdio};

    use super::Bounds;

    fn reads(path: &std::path::Path, bounds: &Bounds) -> bool {
        let mut cat = Command::new("/bin/cat");
        cat.arg(path).stdout(Stdio::null()).stderr(Stdio::null());
        super::spawn(cat, bounds.clone()).expect("cat runs").wait().expect("it ends").success()
    }

    #[test]
    fn what_is_outside_cannot_be_opened() {
        if !super::kernel_holds() {
            println!("SKIPPED: this kernel has no Landlock");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let inside = dir.path().join("in");
        fs::create_dir(&inside).unwrap();
        fs::write(inside.join("file"), "a").unwrap();
        fs::write(dir.path().join("secret"), "b").unwrap();
        std::os::unix::fs::symlink("../secret", inside.join("link")).unwrap();
        let bounds =
            Bounds { directory: inside.clone(), writable: false, program: "/bin/cat".into() };
        assert!(reads(&inside.join("file"), &bounds));
        assert!(!reads(&dir.path().join("secret"), &bounds));
        assert!(!reads(&inside.join("link"), &bounds));
        assert!(!reads(&inside.join("../secret"), &bounds));
    }

    #[test]
    fn what_is_not_writable_is_not_written() {
        if !super::kernel_holds() {
            println!("SKIPPED: this kernel has no Landlock");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let touch = |writable| {
            let mut touch = Command::new("/usr/bin/touch");
            touch.arg(dir.path().join("new")).stderr(Stdio::null());
            let bounds =
                Bounds { directory: dir.path().into(), writable, program: "/usr/bin/touch".into() };
            super::spawn(touch, bounds).unwrap().wait().unwrap().success()
        };
        assert!(!touch(false));
        assert!(touch(true));
    }
}
