//! File names in an instance directory, as Lima has them, and ours beside them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use limekiln_api::{Lima, LimaVersion};

use crate::{Error, atomic};

/// An instance directory.
#[derive(Clone, Debug)]
pub struct InstanceFiles(PathBuf);

impl InstanceFiles {
    /// The directory at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.0
    }

    /// The file called `name` in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The instance's configuration, as given.
    pub fn lima_yaml(&self) -> PathBuf {
        self.file("lima.yaml")
    }

    /// The configuration that the running VM was started with. Ours: it tells what a change of
    /// `lima.yaml` has not reached yet.
    pub fn booted_yaml(&self) -> PathBuf {
        self.file("booted.yaml")
    }

    /// The same with all defaults of that time, as JSON. Ours: what the whole host has in common
    /// may have changed since, too.
    pub fn booted_filled(&self) -> PathBuf {
        self.file("booted.json")
    }

    /// What [`Self::booted_filled`] holds. An older host agent has not written it.
    pub fn read_booted(&self) -> Option<Lima> {
        serde_json::from_slice(&fs::read(self.booted_filled()).ok()?).ok()
    }

    /// Changes what [`Self::read_booted`] tells, where it tells something: the running VM has
    /// something else now.
    pub(crate) fn change_booted(&self, change: impl FnOnce(&mut Lima)) -> Result<(), Error> {
        let Some(mut booted) = self.read_booted() else { return Ok(()) };
        change(&mut booted);
        let path = self.booted_filled();
        let json = serde_json::to_vec(&booted)
            .map_err(|error| Error::file("write", &path)(error.into()))?;
        atomic::write(&path, &json, 0o644)
    }

    /// What a new host agent needs to adopt the running VM. Ours.
    pub fn state(&self) -> PathBuf {
        self.file("hostagent.json")
    }

    /// The boot disk.
    pub fn disk(&self) -> PathBuf {
        self.file("disk")
    }

    /// The seed volume.
    pub fn cidata(&self) -> PathBuf {
        self.file("cidata.iso")
    }

    /// The UEFI image that the template names.
    pub fn firmware(&self) -> PathBuf {
        self.file("qemu-efi-code.fd")
    }

    /// QEMU's pid file.
    pub fn qemu_pid(&self) -> PathBuf {
        self.file("qemu.pid")
    }

    /// QEMU's control socket.
    pub fn qmp_sock(&self) -> PathBuf {
        self.file("qmp.sock")
    }

    /// What QEMU prints. Ours.
    pub fn qemu_log(&self) -> PathBuf {
        self.file("qemu.log")
    }

    /// The host's end of the guest agent's virtio-serial port. Ours.
    pub fn guest_port(&self) -> PathBuf {
        self.file("ga-port.sock")
    }

    /// The guest agent's socket, as SSH forwards it.
    pub fn guest_agent(&self) -> PathBuf {
        self.file("ga.sock")
    }

    /// The SSH control master's socket.
    pub fn ssh_sock(&self) -> PathBuf {
        self.file("ssh.sock")
    }

    /// The socket of the SSH connection that carries mounts. Ours.
    pub fn mounts_sock(&self) -> PathBuf {
        self.file("mnt.sock")
    }

    /// The socket between QEMU and the virtiofsd of the mount at this position.
    pub fn virtiofsd_sock(&self, index: usize) -> PathBuf {
        self.file(&format!("virtiofsd-{index}.sock"))
    }

    /// The socket between QEMU and the TPM.
    pub fn swtpm_sock(&self) -> PathBuf {
        self.file("swtpm.sock")
    }

    /// The directory of what the TPM remembers.
    pub fn swtpm_state(&self) -> PathBuf {
        self.file("swtpm")
    }

    /// The TPM's pid file. Ours.
    pub fn swtpm_pid(&self) -> PathBuf {
        self.file("swtpm.pid")
    }

    /// What the TPM prints. Ours.
    pub fn swtpm_log(&self) -> PathBuf {
        self.file("swtpm.log")
    }

    /// Address and display number of the VNC server.
    pub fn vnc_display(&self) -> PathBuf {
        self.file("vncdisplay")
    }

    /// The VNC server's password.
    pub fn vnc_password(&self) -> PathBuf {
        self.file("vncpassword")
    }

    /// The processes behind the mounts, for a new host agent. Ours.
    pub fn mounts_state(&self) -> PathBuf {
        self.file("mounts.json")
    }

    /// The SSH configuration for users.
    pub fn ssh_config(&self) -> PathBuf {
        self.file("ssh.config")
    }

    /// The event log.
    pub fn events(&self) -> PathBuf {
        self.file("ha.stdout.log")
    }

    /// The host agent's own log.
    pub fn log(&self) -> PathBuf {
        self.file("ha.stderr.log")
    }

    /// The version of Lima that made the instance; some defaults depend on it.
    pub fn creator(&self) -> LimaVersion {
        match fs::read_to_string(self.file("lima-version")) {
            Ok(text) => LimaVersion::new(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.was_made() => {
                LimaVersion::unrecorded()
            }
            Err(_) => LimaVersion::current(),
        }
    }

    /// Whether creation got beyond `lima.yaml`: Lima's own test of whether an instance exists.
    fn was_made(&self) -> bool {
        const MADE: [&str; 8] = [
            "ha.stdout.log",
            "ha.stderr.log",
            "vz-identifier",
            "image",
            "disk",
            "basedisk",
            "diffdisk",
            "cidata.iso",
        ];
        MADE.iter().any(|name| self.file(name).symlink_metadata().is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_creator_is_what_lima_takes_it_for() {
        let dir = tempfile::tempdir().expect("a directory");
        let files = InstanceFiles::new(dir.path());
        assert_eq!(files.creator(), LimaVersion::current(), "not made yet");
        fs::write(files.disk(), "").expect("written");
        assert_eq!(files.creator(), LimaVersion::unrecorded());
        fs::write(files.file("lima-version"), "v1.2.1\n").expect("written");
        assert_eq!(files.creator(), LimaVersion::new("v1.2.1"));
    }
}
