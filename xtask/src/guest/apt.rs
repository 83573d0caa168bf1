//! Debian packages of any architecture, fetched and unpacked without changing the host.
//!
//! apt runs with a state directory, a source list and preferences of our own, so the host needs
//! neither a foreign architecture nor Debian as its distribution; signatures are checked against
//! the Debian archive keyring. The host's proxy settings stay in force.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::Arch;
use crate::sh;

/// Debian's archive keyring (package debian-archive-keyring on Debian and Ubuntu).
pub const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
const MIRROR: &str = "http://deb.debian.org";

/// The source lines of Debian 12; `LIMEKILN_DEBIAN_MIRROR` names another host.
pub fn sources() -> String {
    let mirror = std::env::var("LIMEKILN_DEBIAN_MIRROR").unwrap_or_else(|_| MIRROR.to_owned());
    format!(
        "deb [signed-by={KEYRING}] {mirror}/debian bookworm main\n\
         deb [signed-by={KEYRING}] {mirror}/debian-security bookworm-security main\n"
    )
}

/// A private apt for one architecture.
pub struct Apt {
    dir: PathBuf,
    options: Vec<String>,
}

impl Apt {
    /// Sets up the state in `dir` and reads the package lists.
    ///
    /// # Errors
    /// apt is missing, or the archive can't be reached or verified.
    pub fn open(dir: &Path, arch: Arch) -> anyhow::Result<Self> {
        for sub in ["lists/partial", "cache/archives/partial", "debs"] {
            fs::create_dir_all(dir.join(sub))?;
        }
        fs::write(dir.join("sources.list"), sources())?;
        fs::write(dir.join("status"), "")?;
        let apt = Self { dir: dir.to_path_buf(), options: options(dir, arch) };
        sh::output(apt.command("apt-get").arg("update"))
            .context("cannot read Debian's package lists")?;
        Ok(apt)
    }

    /// The name of the kernel package that a meta package such as linux-image-cloud-amd64 stands for.
    ///
    /// # Errors
    /// The meta package is unknown or depends on no kernel.
    pub fn kernel(&self, meta: &str) -> anyhow::Result<String> {
        let text = sh::output(self.command("apt-cache").args(["depends", meta]))?;
        text.lines()
            .filter_map(|line| line.trim().strip_prefix("Depends: "))
            .find(|name| name.starts_with("linux-image-"))
            .map(str::to_owned)
            .with_context(|| format!("{meta} depends on no kernel"))
    }

    /// Fetches the packages and unpacks each below `into`; returns the file names, which hold versions.
    ///
    /// # Errors
    /// A package is unknown, can't be fetched, or can't be unpacked.
    pub fn unpack(&self, packages: &[&str], into: &Path) -> anyhow::Result<Vec<String>> {
        let debs = self.dir.join("debs");
        // Old versions would be unpacked over new ones.
        fs::remove_dir_all(&debs)?;
        fs::create_dir_all(&debs)?;
        sh::output(self.command("apt-get").current_dir(&debs).arg("download").args(packages))?;
        fs::create_dir_all(into)?;
        let mut names = Vec::new();
        for entry in fs::read_dir(&debs)? {
            let file = entry?.path();
            sh::output(Command::new("dpkg-deb").arg("-x").arg(&file).arg(into))?;
            names.extend(file.file_name().map(|name| name.to_string_lossy().into_owned()));
        }
        names.sort();
        Ok(names)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("LC_ALL", "C").args(self.options.iter().flat_map(|option| ["-o", option]));
        command
    }
}

fn options(dir: &Path, arch: Arch) -> Vec<String> {
    let dir = dir.display();
    let arch = arch.debian();
    vec![
        format!("APT::Architecture={arch}"),
        format!("APT::Architectures={arch}"),
        format!("Dir::Etc::SourceList={dir}/sources.list"),
        "Dir::Etc::SourceParts=/dev/null".into(),
        // A host's pins are about the host.
        "Dir::Etc::Preferences=/dev/null".into(),
        "Dir::Etc::PreferencesParts=/dev/null".into(),
        format!("Dir::State::Lists={dir}/lists"),
        format!("Dir::State::Status={dir}/status"),
        format!("Dir::Cache={dir}/cache"),
        "Acquire::Languages=none".into(),
        // As root, apt would drop to _apt, which can't write below a private directory.
        "APT::Sandbox::User=root".into(),
    ]
}
