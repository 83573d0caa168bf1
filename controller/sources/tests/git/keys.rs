//! Keys that tests make, and commits that are signed with them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::fixture::Fixture;

/// An SSH key.
pub struct SshKey {
    pub file: PathBuf,
}

impl SshKey {
    pub fn new(fixture: &Fixture, name: &str) -> Self {
        let file = fixture.path(name);
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
            .arg(&file)
            .status();
        assert!(made.expect("ssh-keygen").success());
        Self { file }
    }

    /// A line of an allowed signers file.
    pub fn allowed(&self, options: &str) -> String {
        let public = fs::read_to_string(self.file.with_extension("pub")).expect("read");
        format!("ann@a.example {options} {public}")
    }

    /// Commits and pushes, signed with this key.
    pub fn push(&self, fixture: &Fixture, message: &str) -> String {
        let key = self.file.to_string_lossy().into_owned();
        fixture.git(&["config", "gpg.format", "ssh"]);
        fixture.git(&["config", "user.signingKey", &key]);
        signed(fixture, message)
    }
}

/// A GnuPG home with one key.
pub struct GpgKey {
    home: PathBuf,
    /// What gpg is told besides.
    options: Vec<&'static str>,
}

impl GpgKey {
    /// `None`, with the reason printed, if there is no gpg.
    pub fn new(fixture: &Fixture, name: &str) -> Option<Self> {
        Self::with(fixture, name, &[], "never")
    }

    /// A key that was made and used long ago, for one day.
    pub fn expired(fixture: &Fixture, name: &str) -> Option<Self> {
        Self::with(fixture, name, &["--faked-system-time=20200101T000000"], "1d")
    }

    /// One that is good for another day.
    pub fn expiring(fixture: &Fixture, name: &str) -> Option<Self> {
        Self::with(fixture, name, &[], "1d")
    }

    fn with(fixture: &Fixture, name: &str, options: &[&'static str], expire: &str) -> Option<Self> {
        if Command::new("gpg").arg("--version").stdout(Stdio::null()).status().is_err() {
            println!("SKIPPED: there is no gpg; `cargo xtask test` installs it");
            return None;
        }
        let home = fixture.path(name);
        fs::create_dir(&home).expect("dir");
        fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).expect("mode");
        let key = Self { home, options: options.to_vec() };
        let user = format!("{name} <{name}@a.example>");
        key.gpg(&["--passphrase", "", "--quick-gen-key", &user, "ed25519", "sign", expire]);
        Some(key)
    }

    pub fn gpg(&self, args: &[&str]) -> Vec<u8> {
        let output = Command::new("gpg")
            .args(["--batch", "--quiet", "--pinentry-mode", "loopback"])
            .args(&self.options)
            .args(args)
            .env("GNUPGHOME", &self.home)
            .output()
            .expect("gpg");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "gpg {args:?}: {error}");
        output.stdout
    }

    /// Its public part in a file.
    pub fn export(&self, fixture: &Fixture, armored: bool) -> PathBuf {
        let file = fixture.path("keyring");
        let args: &[&str] = if armored { &["--armor", "--export"] } else { &["--export"] };
        fs::write(&file, self.gpg(args)).expect("write");
        file
    }

    /// Commits and pushes, signed with this key.
    pub fn push(&self, fixture: &Fixture, message: &str) -> String {
        let (home, options) = (self.home.display(), self.options.join(" "));
        let text = format!("GNUPGHOME={home} exec gpg {options} \"$@\"\n");
        let program = fixture.script("gpg-here", &text);
        let user = self.home.file_name().expect("a name").to_string_lossy();
        for (key, value) in
            [("gpg.format", "openpgp"), ("gpg.program", &program), ("user.signingKey", &user)]
        {
            fixture.git(&["config", key, value]);
        }
        signed(fixture, message)
    }
}

impl Drop for GpgKey {
    /// Ends the agent that gpg started for this home.
    fn drop(&mut self) {
        let _ =
            Command::new("gpgconf").args(["--kill", "all"]).env("GNUPGHOME", &self.home).status();
    }
}

fn signed(fixture: &Fixture, message: &str) -> String {
    fixture.git(&["add", "-A"]);
    fixture.git(&["commit", "-q", "--allow-empty", "-S", "-m", message]);
    fixture.git(&["push", "-q", "--force", "origin", "HEAD:main"]);
    fixture.head()
}
