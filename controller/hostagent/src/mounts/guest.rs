//! What is run in the guest to mount and to unmount.

use std::fmt::Write;

use crate::spec::{MountKind, MountSpec};
use crate::ssh::shell;

/// What the guest prints on standard error when the mount is in place.
pub(super) const MOUNTED: &str = "limekiln: mounted";

const MOUNT: &str = include_str!("scripts/mount.sh");
const DEVICE: &str = include_str!("scripts/device.sh");
const UNMOUNT: &str = include_str!("scripts/unmount.sh");

/// The command that mounts, and then serves the mount until the connection ends.
pub(super) fn mount_command(mount: &MountSpec) -> String {
    let location = mount.location.to_string_lossy();
    let point = &mount.mount_point;
    as_root(MOUNT, &[point, &in_proc(point), &location, &options(mount)])
}

/// The command that mounts a device of the machine; `None` for what is no device.
pub(super) fn device_command(mount: &MountSpec) -> Option<String> {
    let options = mount.guest_options()?;
    let point = &mount.mount_point;
    Some(as_root(DEVICE, &[&mount.tag(), point, mount.kind.word(), &options]))
}

/// The command that unmounts. With `detach` also what is in use, which keeps its files until it
/// closes them.
pub(super) fn unmount_command(mount_point: &str, detach: bool) -> String {
    let how = if detach { "detach" } else { "" };
    as_root(UNMOUNT, &[mount_point, &in_proc(mount_point), how])
}

/// sshfs does what sshfs(1) says; it runs as root, so that it needs no help to mount, and every
/// user of the guest may use it.
fn options(mount: &MountSpec) -> String {
    let mut options = "slave,allow_other,nosuid,nodev".to_owned();
    if !mount.writable {
        options.push_str(",ro");
    }
    if let MountKind::ReverseSshfs { cache, follow_symlinks } = &mount.kind {
        if !cache {
            options.push_str(",cache=no");
        }
        if *follow_symlinks {
            options.push_str(",follow_symlinks");
        }
    }
    options
}

/// A path as `/proc/mounts` has it (proc(5): space, tab, line break and backslash in octal).
pub(crate) fn in_proc(path: &str) -> String {
    path.chars().fold(String::new(), |mut text, c| {
        match c {
            ' ' | '\t' | '\n' | '\\' => {
                // Writing to a string can't fail.
                let _ = write!(text, "\\{:03o}", u32::from(c));
            }
            _ => text.push(c),
        }
        text
    })
}

fn as_root(script: &str, arguments: &[&str]) -> String {
    shell::as_root(&shell::script(script, arguments))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn mount(kind: MountKind) -> MountSpec {
        MountSpec {
            location: "/src/it's $HOME".into(),
            mount_point: "/mnt/a b".to_owned(),
            writable: false,
            kind,
        }
    }

    #[test]
    fn options_are_sshfs_own() {
        let kind = MountKind::ReverseSshfs { cache: false, follow_symlinks: true };
        let expected = "slave,allow_other,nosuid,nodev,ro,cache=no,follow_symlinks";
        assert_eq!(options(&mount(kind)), expected);
    }

    #[test]
    fn the_scripts_are_posix_shell() {
        let kind = MountKind::ReverseSshfs { cache: true, follow_symlinks: false };
        for command in [mount_command(&mount(kind)), unmount_command("/a b", true)] {
            // Checked twice: the command itself, and the script in it.
            let script = command.replace(" sh sh -c", " sh sh -n -c");
            let script = script.replace("exec sudo -n ", "exec ");
            assert_ne!(script, command);
            let output = Command::new("sh").args(["-c", &script]).output().expect("sh runs");
            assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        }
    }

    #[test]
    fn paths_are_found_in_proc() {
        assert_eq!(in_proc("/mnt/a b"), "/mnt/a\\040b");
    }
}
