//! Mounts that come as devices of the machine: whether the guest has mounted them.

use super::board::Board;
use super::guest::{device_command, in_proc};
use crate::api::MountState;
use crate::spec::MountSpec;
use crate::ssh::Session;

/// Looks which of these the guest has mounted, mounts those that it has not, and shows the outcome.
pub(super) async fn see(session: &Session, board: &Board, mounts: &[MountSpec]) {
    let devices: Vec<_> = mounts.iter().filter(|mount| !mount.is_live()).collect();
    if devices.is_empty() {
        return;
    }
    let table = match session.run("cat /proc/mounts", "").await {
        Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Err(error) => return tracing::error!("cannot run ssh: {error}"),
    };
    for mount in devices {
        let outcome = if is_mounted(&table, mount) { Ok(()) } else { bring(session, mount).await };
        match outcome {
            Ok(()) => board.state(mount, MountState::Mounted, None),
            Err(why) => board.failed(mount, &why),
        }
    }
}

/// Mounts it; or tells what the guest says.
async fn bring(session: &Session, mount: &MountSpec) -> Result<(), String> {
    let Some(command) = device_command(mount) else { return Ok(()) };
    let output = session.run(&command, "").await.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said: String = said.trim().chars().filter(|c| !c.is_control()).take(200).collect();
    Err(format!("the guest did not mount it ({said}); does its kernel have {}?", mount.kind.word()))
}

/// Whether a line of `/proc/mounts` is this mount.
fn is_mounted(table: &str, mount: &MountSpec) -> bool {
    let wanted = (mount.tag(), in_proc(&mount.mount_point));
    table.lines().any(|line| {
        let mut words = line.split(' ');
        words.next() == Some(&wanted.0) && words.next() == Some(&wanted.1)
    })
}

#[cfg(test)]
mod tests {
    use super::is_mounted;
    use crate::spec::{MountKind, MountSpec};

    #[test]
    fn another_mount_at_the_place_is_not_ours() {
        let mount = MountSpec {
            location: "/src".into(),
            mount_point: "/mnt/a b".to_owned(),
            writable: true,
            kind: MountKind::Virtiofs { queue_size: 1024 },
        };
        let line = format!("{} /mnt/a\\040b virtiofs rw,relatime 0 0\n", mount.tag());
        assert!(is_mounted(&line, &mount));
        assert!(!is_mounted("tmpfs /mnt/a\\040b tmpfs rw 0 0\n", &mount));
    }
}
