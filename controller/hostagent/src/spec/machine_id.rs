//! What tells this host from others.

use std::fs;

/// The machine's id as Lima takes it: network addresses are derived from it, so that two hosts on
/// one network differ. The host's name where there is none.
pub(super) fn machine_id() -> String {
    stored()
        .filter(|id| !id.is_empty())
        .unwrap_or_else(|| rustix::system::uname().nodename().to_string_lossy().into_owned())
}

/// The first file that can be read counts, whatever it holds.
#[cfg(not(target_os = "macos"))]
fn stored() -> Option<String> {
    ["/etc/machine-id", "/var/lib/dbus/machine-id"]
        .iter()
        .find_map(|path| fs::read_to_string(path).ok())
        .map(|text| text.trim().to_owned())
}

/// The hardware's UUID, from the registry of devices.
#[cfg(target_os = "macos")]
fn stored() -> Option<String> {
    let output = std::process::Command::new("/usr/sbin/ioreg")
        .args(["-d2", "-c", "IOPlatformExpertDevice"])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find(|line| line.contains("\"IOPlatformUUID\""))?;
    Some(line.rsplit('"').nth(1)?.to_owned())
}
