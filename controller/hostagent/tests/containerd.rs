//! What the guest's script does about containerd, below a directory in place of a guest: the
//! services, the archive's tool and `sudo` only write down what they are asked.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const SCRIPT: &str = include_str!("../src/cidata/scripts/boot.Linux/40-containerd.sh");
const BOOT: &str = include_str!("../src/cidata/scripts/boot.sh");

/// Writes down its name and words, and fails if these are a line of `fails`.
const TOOL: &str = r#"#!/bin/sh
echo "${0##*/} $*" >>ROOT/log
if grep -qxF "${0##*/} $*" ROOT/fails; then exit 1; fi
"#;

struct Guest(TempDir);

impl Guest {
    fn new() -> Self {
        let guest = Self(tempfile::tempdir().unwrap());
        for dir in [
            "bin",
            "home",
            "mnt",
            "run/systemd/system",
            "etc/sysctl.d",
            "etc/profile.d",
            "etc/systemd/system",
        ] {
            fs::create_dir_all(guest.at(dir)).unwrap();
        }
        let known = "[ \"$1\" != cat ] || cat ROOT/etc/systemd/system/$2 || \
                     cat ROOT/usr/local/lib/systemd/system/$2";
        guest.program("bin/systemctl", known);
        // With what the user's manager starts.
        let manager = "cat ROOT/etc/systemd/system/user@.service.d/limekiln.conf >>ROOT/log; \
                       mkdir -p ROOT/run/user/1000/systemd && : >ROOT/run/user/1000/systemd/private";
        guest.program("bin/loginctl", manager);
        for tool in ["sysctl", "restorecon", "getenforce"] {
            guest.program(&format!("bin/{tool}"), "");
        }
        guest.write("bin/sudo", "#!/bin/sh\nshift 3\nexec \"$@\"\n");
        guest.allow("bin/sudo");
        guest.pack();
        guest.succeeds();
        guest
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn root(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.at(path), text.replace("ROOT", self.root())).unwrap();
    }

    fn allow(&self, path: &str) {
        fs::set_permissions(self.at(path), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn program(&self, path: &str, more: &str) {
        self.write(path, &format!("{TOOL}{more}\n"));
        self.allow(path);
    }

    /// What stands for nerdctl-full.
    fn pack(&self) {
        let tool = "packed/bin/containerd-rootless-setuptool.sh";
        fs::create_dir_all(self.at("packed/bin")).unwrap();
        fs::create_dir_all(self.at("packed/lib/systemd/system")).unwrap();
        self.program(tool, "echo \"by $0\" >>ROOT/log");
        let unit = "packed/lib/systemd/system/containerd.service";
        self.write(unit, "ExecStart=ROOT/usr/local/bin/containerd\n");
        let mut tar = Command::new("tar");
        tar.arg("-czf").arg(self.at("mnt/full.tgz")).arg("-C").arg(self.at("packed"));
        assert!(tar.args(["bin", "lib"]).status().unwrap().success());
    }

    /// These words fail from now on.
    fn fails(&self, words: &str) {
        self.write("fails", &format!("{words}\n"));
    }

    fn succeeds(&self) {
        self.write("fails", "");
    }

    /// Runs the script of a boot. Returns how it ended, and what was asked of others.
    fn boot(&self, variables: &[(&str, &str)]) -> (bool, String) {
        self.write("log", "");
        let output = self.run(SCRIPT, variables);
        (output.status.success(), fs::read_to_string(self.at("log")).unwrap())
    }

    /// Runs a script, with this directory in place of `/`.
    fn run(&self, script: &str, variables: &[(&str, &str)]) -> Output {
        let mut script = script.to_owned();
        for path in ["/etc/", "/run/", "/var/lib/", "/usr/local"] {
            script = script.replace(path, &format!("{}{path}", self.root()));
        }
        let mut sh = Command::new("sh");
        sh.args(["-c", &script]).env("PATH", format!("{}/bin:/usr/bin:/bin", self.root()));
        for (key, value) in [
            ("MNT", self.root().to_owned() + "/mnt"),
            ("CONTAINERD_ARCHIVE", "full.tgz".to_owned()),
            ("CONTAINERD_ARCHIVE_ID", "1".to_owned()),
            ("SKIP_DEFAULT_DEPENDENCY_RESOLUTION", "1".to_owned()),
            ("USER", "alice".to_owned()),
            ("UID", "1000".to_owned()),
            ("HOME", self.root().to_owned() + "/home"),
        ] {
            sh.env(format!("LIMA_CIDATA_{key}"), value);
        }
        for (key, value) in variables {
            sh.env(format!("LIMA_CIDATA_{key}"), value.replace("ROOT", self.root()));
        }
        sh.output().expect("sh runs")
    }

    /// The service that goes before those of archives.
    fn placed(&self) -> Option<String> {
        let text = fs::read_to_string(self.at("etc/systemd/system/containerd.service")).ok()?;
        Some(text.replace(self.root(), ""))
    }

    fn state(&self, name: &str) -> bool {
        self.at("var/lib/limekiln/containerd").join(name).exists()
    }

    fn why(&self) -> String {
        fs::read_to_string(self.at("run/limekiln-boot-why")).unwrap()
    }
}

const NONE: &[(&str, &str)] = &[];
const SYSTEM: (&str, &str) = ("CONTAINERD_SYSTEM", "1");
const USER: (&str, &str) = ("CONTAINERD_USER", "1");

fn below(prefix: &'static str) -> (&'static str, &'static str) {
    ("GUEST_INSTALL_PREFIX", prefix)
}

const ENABLED: &str = "systemctl enable --now containerd.service\n";
const DISABLED: &str = "systemctl disable --now containerd.service\n";
const INSTALLED: &str = "containerd-rootless-setuptool.sh install\n";
const UNINSTALLED: &str = "containerd-rootless-setuptool.sh uninstall\n";

#[test]
fn containerd_moves_with_its_prefix() {
    let guest = Guest::new();
    let (done, log) = guest.boot(&[SYSTEM, below("ROOT/opt/a")]);
    assert!(done && log.contains(ENABLED) && !log.contains(DISABLED), "{log}");
    assert_eq!(guest.placed().as_deref(), Some("ExecStart=/opt/a/bin/containerd\n"));

    let (done, log) = guest.boot(&[SYSTEM, below("ROOT/opt/b")]);
    let (stopped, started) = (log.find(DISABLED), log.find(ENABLED));
    assert!(done && stopped.is_some() && stopped < started, "{log}");
    assert_eq!(guest.placed().as_deref(), Some("ExecStart=/opt/b/bin/containerd\n"));

    let (done, log) = guest.boot(&[SYSTEM]);
    assert!(done && log.contains(DISABLED), "{log}");
    assert_eq!(guest.placed(), None, "it would go before the one below /usr/local");
    let (done, log) = guest.boot(&[SYSTEM]);
    assert!(done && !log.contains(DISABLED), "nothing changed: {log}");
}

#[test]
fn the_users_is_stopped_by_the_tool_that_it_was_set_up_by() {
    let guest = Guest::new();
    let (done, log) = guest.boot(&[USER, below("ROOT/opt/a")]);
    assert!(done && log.contains(INSTALLED), "{log}");
    let (done, log) = guest.boot(&[USER, below("ROOT/opt/b")]);
    let by = |prefix: &str, words: &str| {
        format!("{words}by {}{prefix}/bin/containerd-rootless-setuptool.sh\n", guest.root())
    };
    let (stopped, started) =
        (log.find(&by("/opt/a", UNINSTALLED)), log.find(&by("/opt/b", INSTALLED)));
    assert!(done && stopped.is_some() && stopped < started, "{log}");
    let (done, log) = guest.boot(&[USER, below("ROOT/opt/b")]);
    assert!(done && !log.contains(INSTALLED), "nothing changed: {log}");
    // Not wanted any more, and the template has yet another prefix.
    let (done, log) = guest.boot(&[below("ROOT/opt/c")]);
    assert!(done && log.contains(&by("/opt/b", UNINSTALLED)), "{log}");
}

#[test]
fn what_was_half_done_is_stopped_and_told_until_it_is() {
    for (wanted, name, start, stop) in
        [(SYSTEM, "system", ENABLED, DISABLED), (USER, "user", INSTALLED, UNINSTALLED)]
    {
        let guest = Guest::new();
        guest.fails(start.trim_end());
        assert!(!guest.boot(&[wanted]).0);
        guest.fails(stop.trim_end());
        let (done, log) = guest.boot(NONE);
        assert!(!done && log.contains(stop), "{name}: {log}");
        assert_eq!(guest.why(), format!("the containerd of the {name} could not be stopped\n"));
        // A new archive must not come beside what runs.
        let (done, log) = guest.boot(&[wanted, ("CONTAINERD_ARCHIVE_ID", "2")]);
        assert!(!done && log.contains(stop) && !log.contains(start), "{name}: {log}");
        guest.succeeds();
        let (done, log) = guest.boot(NONE);
        assert!(done && log.contains(stop) && !guest.state(name), "{name}: {log}");
        assert_eq!(guest.boot(NONE), (true, String::new()), "{name}");
    }
}

#[test]
fn what_failed_is_set_up_again() {
    let guest = Guest::new();
    guest.fails(INSTALLED.trim_end());
    assert!(!guest.boot(&[USER]).0);
    guest.succeeds();
    let (done, log) = guest.boot(&[USER]);
    assert!(done && log.contains(INSTALLED), "{log}");
    let (done, log) = guest.boot(&[USER]);
    assert!(done && !log.contains(INSTALLED), "{log}");
}

#[test]
fn the_users_manager_starts_with_what_it_may_do() {
    let guest = Guest::new();
    let (done, log) = guest.boot(&[USER]);
    assert!(
        done && log.contains("loginctl enable-linger alice\n[Service]\nDelegate=yes\n"),
        "{log}"
    );
    // Not those of others, of which one may be wrong.
    let settings = guest.at("etc/sysctl.d/99-limekiln-containerd.conf");
    assert!(log.contains(&format!("sysctl -p {}\n", settings.display())), "{log}");
    assert!(!log.contains("systemd-sysctl"), "{log}");
}

#[test]
fn a_start_without_the_archive_stops_nothing() {
    let guest = Guest::new();
    assert!(guest.boot(&[SYSTEM, USER]).0);
    let unknown = guest.boot(&[("CONTAINERD_UNKNOWN", "1")]);
    assert_eq!(unknown, (true, String::new()));
    assert!(guest.boot(NONE).1.contains(DISABLED), "not wanted is another thing");
}

#[test]
fn the_host_is_told_why() {
    let guest = Guest::new();
    fs::remove_dir_all(guest.at("run/systemd")).unwrap();
    assert!(!guest.boot(&[SYSTEM]).0);
    assert_eq!(guest.why(), "containerd needs systemd, and this guest has another init\n");

    boot_scripts(&guest.at("mnt"), guest.root());
    guest.run(BOOT, &[]);
    assert_eq!(
        fs::read_to_string(guest.at("run/limekiln-boot-failed")).unwrap(),
        "boot.Linux/1.sh ended with 3: it is full\nboot.Linux/2.sh ended with 4\n"
    );
}

fn boot_scripts(mnt: &Path, root: &str) {
    fs::create_dir(mnt.join("boot.Linux")).unwrap();
    for (name, text) in [
        ("environment.sh", ""),
        ("lima.env", "LIMA_CIDATA_PASSWORDLESS_SUDO=1\n"),
        ("param.env", ""),
        ("provision.sh", ""),
        ("boot.Linux/1.sh", "echo 'it is full' >ROOT/run/limekiln-boot-why\nexit 3\n"),
        ("boot.Linux/2.sh", "exit 4\n"),
    ] {
        fs::write(mnt.join(name), text.replace("ROOT", root)).unwrap();
    }
}
