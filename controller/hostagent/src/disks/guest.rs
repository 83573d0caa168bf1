//! What is done in the guest.

use std::time::Duration;

use tokio::time::timeout;

use crate::spec::AttachedDisk;
use crate::ssh::{Session, shell};

/// A file system of some terabytes takes minutes, on an emulated processor more.
const DEADLINE: Duration = Duration::from_secs(20 * 60);

/// How long a guest may take to write what it has in memory.
const SYNC: Duration = Duration::from_secs(60);

const GROW: &str = include_str!("scripts/grow.sh");
const DETACH: &str = include_str!("scripts/detach.sh");
/// The same as at boot.
const ATTACH: &str = include_str!("../cidata/scripts/boot.Linux/05-disks.sh");

/// Grows the partition and the file system that is mounted there to the end of the disk, which has
/// so many bytes now. What had to be left to the user, in words.
///
/// # Errors
/// The guest's words.
pub(super) async fn grow(
    session: &Session,
    mount_point: &str,
    bytes: u64,
) -> Result<Option<String>, String> {
    let said = run(session, &shell::script(GROW, &[mount_point, &bytes.to_string()])).await?;
    let note = said.lines().find_map(|line| line.strip_prefix("note: "));
    Ok(note.map(str::to_owned))
}

/// Formats the disk if it holds nothing, and mounts it.
///
/// # Errors
/// The guest's words.
pub(super) async fn attach(session: &Session, disk: &AttachedDisk) -> Result<(), String> {
    let set = |key: &str, value: &str| {
        format!("LIMA_CIDATA_DISK_0_{key}={}\n", shell::word(&value.replace(['\n', '\r'], " ")))
    };
    let script = [
        "LIMA_CIDATA_DISKS=1\npatience=150\n".to_owned(),
        set("NAME", &disk.name),
        set("SERIAL", disk.serial()),
        set("FORMAT", if disk.make_fs { "true" } else { "false" }),
        set("FSTYPE", &disk.fs_type),
        set("FSARGS", &disk.fs_args.join(" ")),
        ATTACH.to_owned(),
    ];
    run(session, &shell::script(&script.concat(), &[])).await.map(drop)
}

/// Takes the disk out of use.
///
/// # Errors
/// Who uses it, in words.
pub(super) async fn detach(session: &Session, disk: &AttachedDisk) -> Result<(), String> {
    run(session, &shell::script(DETACH, &[disk.serial(), &disk.mount_point()])).await.map(drop)
}

/// Has the guest write what it has not written yet; one that is too slow is done without.
pub(super) async fn sync(session: &Session) {
    match timeout(SYNC, session.run("sync", "")).await {
        Ok(Ok(output)) if output.status.success() => {}
        _ => tracing::warn!("the guest did not write everything within {} s", SYNC.as_secs()),
    }
}

async fn run(session: &Session, command: &str) -> Result<String, String> {
    let command = shell::as_root(command);
    let output = match timeout(DEADLINE, session.run(&command, "")).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(format!("cannot run ssh: {error}")),
        Err(_) => return Err(format!("the guest did not end within {} s", DEADLINE.as_secs())),
    };
    let failed = !output.status.success() && !output.stderr.is_empty();
    let said = String::from_utf8_lossy(if failed { &output.stderr } else { &output.stdout });
    let said: String = said
        .trim()
        .chars()
        .take(600)
        .map(|c| if c.is_control() && c != '\n' { ' ' } else { c })
        .collect();
    if output.status.success() {
        return Ok(said);
    }
    // Before it stand the words of the programs.
    Err(said.lines().next_back().unwrap_or("the guest said nothing").to_owned())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{ATTACH, DETACH, GROW};

    #[test]
    fn the_scripts_are_posix_shell() {
        for script in [ATTACH, DETACH, GROW] {
            let output = Command::new("sh").args(["-n", "-c", script]).output().expect("sh runs");
            assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        }
    }
}
