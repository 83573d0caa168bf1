//! The system's package manager.

use std::process::Command;

use super::backports;
use super::needs::Need;
use crate::sh;

/// A package manager that we know.
#[derive(Clone, Copy)]
pub enum Manager {
    /// Debian and Ubuntu.
    Apt,
    /// Fedora.
    Dnf,
    /// macOS.
    Brew,
}

impl Manager {
    /// The one that this system uses. dnf goes first: Fedora packages apt, too.
    pub fn detect() -> Option<Self> {
        [("dnf", Self::Dnf), ("apt-get", Self::Apt), ("brew", Self::Brew)]
            .into_iter()
            .find_map(|(program, manager)| sh::has(program).then_some(manager))
    }

    /// The package that meets the need, where there is one.
    pub fn package(self, need: &Need) -> Option<&'static str> {
        let [apt, dnf, brew] = need.packages;
        match self {
            Self::Apt => apt,
            Self::Dnf => dnf,
            Self::Brew => brew,
        }
    }

    /// Installs the packages without asking.
    ///
    /// # Errors
    /// The package manager fails, or root is needed and sudo isn't there.
    pub fn install(self, packages: &[&str]) -> anyhow::Result<()> {
        match self {
            Self::Apt => apt(packages),
            Self::Dnf => sh::run(as_root("dnf")?.args(["install", "-y"]).args(packages)),
            Self::Brew => sh::run(Command::new("brew").arg("install").args(packages)),
        }
    }
}

fn apt(packages: &[&str]) -> anyhow::Result<()> {
    let suite = backports::needed()?;
    if let Some(suite) = &suite {
        backports::add(suite)?;
    }
    // A repository of someone else that is down must not stop us; the installation itself will say.
    if let Err(error) = sh::run(as_root("apt-get")?.args(["update", "-q"])) {
        println!("setup: {error}; going on with the package lists that are here");
    }
    let mut install = as_root("env")?;
    install.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-q"]);
    install.arg("--no-install-recommends");
    if let Some(suite) = suite {
        install.args(["-t", &suite]);
    }
    sh::run(install.args(packages))
}

/// The command as root: directly, or with sudo.
///
/// # Errors
/// The user isn't root and there is no sudo.
pub fn as_root(program: &str) -> anyhow::Result<Command> {
    if is_root()? {
        return Ok(Command::new(program));
    }
    if !sh::has("sudo") {
        anyhow::bail!(
            "{program} needs root, and there is no sudo: run `cargo xtask setup` as root"
        );
    }
    let mut command = Command::new("sudo");
    command.arg(program);
    Ok(command)
}

fn is_root() -> anyhow::Result<bool> {
    Ok(sh::output(Command::new("id").arg("-u"))?.trim() == "0")
}
