//! Instance directories of the tiny guest.

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use limekiln_hostagent::HostAgentArgs;
use tempfile::TempDir;

/// What VMs of other homes found out of this host: a guest that hangs under an accelerator takes
/// seconds, and a processor, from all that run beside it.
static FOUND_OUT: Mutex<Option<Vec<u8>>> = Mutex::new(None);

/// A home with one instance, gone with this.
pub struct Instance {
    home: TempDir,
}

impl Instance {
    /// An instance of the tiny guest with `yaml` added to its template; `None` if there is no
    /// guest, which is said once per test.
    pub fn new(yaml: &str) -> Option<Self> {
        Self::of(&format!("tiny-{}", std::env::consts::ARCH), yaml)
    }

    /// The same with Debian's usual kernel, which has more file systems.
    pub fn generic(yaml: &str) -> Option<Self> {
        Self::of("tiny-generic-x86_64", yaml)
    }

    /// The same with OpenRC, a service of which runs the boot script.
    pub fn openrc(yaml: &str) -> Option<Self> {
        Self::of("tiny-openrc-x86_64", yaml)
    }

    /// A guest of another architecture.
    pub fn aarch64(yaml: &str) -> Option<Self> {
        Self::of("tiny-aarch64", &format!("arch: aarch64\n{yaml}"))
    }

    fn of(guest: &str, yaml: &str) -> Option<Self> {
        let Some(guests) = std::env::var_os("LIMEKILN_TEST_GUEST") else {
            println!("SKIPPED: LIMEKILN_TEST_GUEST is not set");
            return None;
        };
        let guest = PathBuf::from(guests).join(guest);
        if !guest.exists() {
            println!("SKIPPED: {} is not built", guest.display());
            return None;
        }
        let instance = Self::empty();
        for (from, to) in [
            ("disk.qcow2", "disk"),
            ("vmlinuz", "kernel"),
            ("initrd", "initrd"),
            ("cmdline", "kernel.cmdline"),
        ] {
            fs::copy(guest.join(from), instance.dir().join(to)).unwrap();
        }
        let template = "vmType: qemu\ncpus: 1\nmemory: 256MiB\nimages: [{location: /none}]\n";
        fs::write(instance.dir().join("lima.yaml"), format!("{template}{yaml}")).unwrap();
        Some(instance)
    }

    /// An instance of the full Debian image, with systemd and OpenSSH; `None` if there is none.
    pub fn full(yaml: &str) -> Option<Self> {
        let Some(image) = std::env::var_os("LIMEKILN_TEST_FULL") else {
            println!("SKIPPED: LIMEKILN_TEST_FULL is not set");
            return None;
        };
        let instance = Self::empty();
        fs::copy(image, instance.dir().join("disk")).unwrap();
        let template = "vmType: qemu\ncpus: 2\nmemory: 1GiB\nimages: [{location: /none}]\n";
        fs::write(instance.dir().join("lima.yaml"), format!("{template}{yaml}")).unwrap();
        Some(instance)
    }

    fn empty() -> Self {
        // Below /tmp, because socket paths are short.
        let home = tempfile::Builder::new().prefix("lk-").tempdir_in("/tmp").unwrap();
        let instance = Self { home };
        fs::create_dir(instance.dir()).unwrap();
        if let Some(found) = FOUND_OUT.lock().unwrap().as_ref() {
            let file = instance.host_file();
            fs::create_dir(file.parent().unwrap()).unwrap();
            fs::write(file, found).unwrap();
        }
        instance
    }

    fn host_file(&self) -> PathBuf {
        self.home().join("_limekiln/host.json")
    }

    /// Has its host agent find out anew which accelerator works.
    pub fn know_no_host(&self) {
        // There may be none.
        let _ = fs::remove_file(self.host_file());
    }

    /// Arguments of its host agent.
    pub fn args(&self) -> HostAgentArgs {
        let mut args = HostAgentArgs::new(self.dir(), self.home());
        args.stall_timeout = Duration::from_secs(3);
        args
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn dir(&self) -> PathBuf {
        self.home.path().join("it")
    }

    /// Runs a command in the guest as a user would.
    pub fn ssh(&self, command: &str) -> Output {
        self.within("60", command)
    }

    /// What a command in the guest prints that takes long.
    pub fn slow(&self, command: &str) -> String {
        let output = self.within("1800", command);
        assert!(output.status.success(), "{command}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn within(&self, seconds: &str, command: &str) -> Output {
        let config = self.dir().join("ssh.config");
        // A control master goes on with the files of whoever was killed: the end of a pipe might
        // never come.
        let (mut out, mut err) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        let mut ssh = Command::new("timeout");
        ssh.args([seconds, "ssh", "-F"]).arg(config).args(["lima-it", command]);
        ssh.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(err.try_clone().unwrap());
        Output { status: ssh.status().unwrap(), stdout: whole(&mut out), stderr: whole(&mut err) }
    }

    /// What a command in the guest prints.
    pub fn output(&self, command: &str) -> String {
        let output = self.ssh(command);
        assert!(output.status.success(), "{command}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

fn whole(file: &mut File) -> Vec<u8> {
    let mut read = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut read).unwrap();
    read
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let (Ok(found), Ok(mut known)) = (fs::read(self.host_file()), FOUND_OUT.lock()) {
            *known = Some(found);
        }
    }
}
