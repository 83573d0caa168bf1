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
    /// The one that this system uses. What the system calls itself decides: Fedora packages apt,
    /// and Debian dnf.
    pub fn detect() -> Option<Self> {
        if cfg!(target_os = "macos") {
            return sh::has("brew").then_some(Self::Brew);
        }
        let names = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
        Self::of_system(&names).or_else(|| {
            [("apt-get", Self::Apt), ("dnf", Self::Dnf), ("brew", Self::Brew)]
                .into_iter()
                .find_map(|(program, manager)| sh::has(program).then_some(manager))
        })
    }

    /// From `ID` and `ID_LIKE` in os-release(5).
    fn of_system(os_release: &str) -> Option<Self> {
        let values = os_release
            .lines()
            .filter_map(|line| line.strip_prefix("ID=").or_else(|| line.strip_prefix("ID_LIKE=")));
        let mut ids = values.flat_map(|value| value.trim_matches('"').split(' '));
        ids.find_map(|id| match id {
            "debian" | "ubuntu" => Some(Self::Apt),
            "fedora" | "rhel" => Some(Self::Dnf),
            _ => None,
        })
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
        let what = format!("setup: installing {}", packages.join(" "));
        match self {
            Self::Apt => apt(&what, packages),
            Self::Dnf => {
                let mut dnf = as_root("dnf")?;
                sh::logged(&what, "dnf", dnf.args(["install", "-y"]).args(packages))
            }
            Self::Brew => {
                sh::logged(&what, "brew", Command::new("brew").arg("install").args(packages))
            }
        }
    }
}

fn apt(what: &str, packages: &[&str]) -> anyhow::Result<()> {
    let suite = backports::needed()?;
    if let Some(suite) = &suite {
        backports::add(suite)?;
    }
    // A repository of someone else that is down must not stop us; the installation itself will say.
    let mut update = as_root("apt-get")?;
    if sh::logged("setup: reading package lists", "apt-update", update.args(["update", "-q"]))
        .is_err()
    {
        println!("setup: not all could be read; going on with the package lists that are here");
    }
    let mut install = as_root("env")?;
    install.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-q"]);
    install.arg("--no-install-recommends");
    if let Some(suite) = suite {
        install.args(["-t", &suite]);
    }
    sh::logged(what, "apt-install", install.args(packages))
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
    // Asks for the password here, where the question can be seen.
    sh::run(Command::new("sudo").arg("-v"))?;
    let mut command = Command::new("sudo");
    command.arg(program);
    Ok(command)
}

fn is_root() -> anyhow::Result<bool> {
    Ok(sh::output(Command::new("id").arg("-u"))?.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::Manager;

    #[test]
    fn the_system_says_what_it_is() {
        for (text, word) in [
            ("ID=debian\n", "apt"),
            ("ID=ubuntu\nID_LIKE=debian\n", "apt"),
            ("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", "apt"),
            ("ID=fedora\n", "dnf"),
            ("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", "dnf"),
            ("ID=arch\n", "none"),
        ] {
            let found = match Manager::of_system(text) {
                Some(Manager::Apt) => "apt",
                Some(Manager::Dnf) => "dnf",
                Some(Manager::Brew) => "brew",
                None => "none",
            };
            assert_eq!(found, word, "{text}");
        }
    }
}
