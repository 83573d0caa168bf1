//! Facts about this host that defaults depend on.

use std::fs;
use std::path::{Path, PathBuf};

use limekiln_api::{Arch, HostFacts, Layer};

use super::layers::{self, LayerError};
use super::machine_id::machine_id;

/// Gathers the facts. What can't be found out gets the value that is safest as a default.
///
/// # Errors
/// If Lima's `default.yaml` or `override.yaml` exists and can't be read: what all instances are
/// would be a guess.
pub fn host_facts(lima_home: &Path) -> Result<HostFacts, LayerError> {
    let uid = rustix::process::getuid().as_raw();
    let (user_name, user_comment, passwd_home) = account(uid);
    let home = std::env::var_os("HOME").map_or(passwd_home, PathBuf::from);
    let cpus = std::thread::available_parallelism().map_or(1, |count| count.get());
    Ok(HostFacts {
        os: std::env::consts::OS.to_owned(),
        arch: Arch::native().unwrap_or(Arch::X86_64),
        cpus: u32::try_from(cpus).unwrap_or(u32::MAX),
        memory: memory(),
        user_name,
        user_uid: uid,
        user_comment,
        home,
        lima_home: lima_home.to_owned(),
        temp_dir: std::env::temp_dir(),
        unix_path_max: if cfg!(target_os = "linux") { 108 } else { 104 },
        timezone: timezone(),
        machine_id: machine_id(),
        drivers: vec!["qemu".to_owned()],
        containerd: false,
        defaults: layers::read(lima_home, Layer::Defaults)?,
        overrides: layers::read(lima_home, Layer::Overrides)?,
    })
}

/// Login name, full name and home of the user, from the password file.
fn account(uid: u32) -> (String, String, PathBuf) {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let fields = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.len() > 5 && fields[2] == uid.to_string());
    match fields {
        Some(fields) => {
            let name = fields[4].split(',').next().unwrap_or_default();
            (fields[0].to_owned(), name.to_owned(), fields[5].into())
        }
        // Accounts of a directory service, and all of macOS's, aren't in the file.
        None => (std::env::var("USER").unwrap_or_default(), String::new(), "/".into()),
    }
}

/// Bytes of memory.
fn memory() -> u64 {
    #[cfg(target_os = "linux")]
    {
        let info = rustix::system::sysinfo();
        (info.totalram as u64).saturating_mul(u64::from(info.mem_unit))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let output = std::process::Command::new("sysctl").args(["-n", "hw.memsize"]).output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        text.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(4 << 30)
    }
}

/// The zone's name: Debian's file, else where the link of the local time leads.
fn timezone() -> String {
    if let Ok(text) = fs::read_to_string("/etc/timezone")
        && !text.trim().is_empty()
    {
        return text.trim().to_owned();
    }
    fs::canonicalize("/etc/localtime")
        .ok()
        .and_then(|path| path.to_str()?.split_once("zoneinfo/").map(|(_, zone)| zone.to_owned()))
        .unwrap_or_default()
}
