//! Debian backports, where the system's qemu-utils already comes from there.
//!
//! The QEMU packages depend on each other by exact version, so QEMU itself must then come from the
//! same suite, else apt refuses.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use super::manager::as_root;
use crate::sh;

/// The backports suite to install from, if qemu-utils is held at a backports version.
///
/// # Errors
/// The release's code name can't be read.
pub fn needed() -> anyhow::Result<Option<String>> {
    let mut query = Command::new("dpkg-query");
    query.args(["-W", "-f=${db:Status-Status} ${Version}", "qemu-utils"]);
    // An error means that qemu-utils was never installed.
    let Ok(answer) = sh::output(&mut query) else { return Ok(None) };
    if !is_backport(&answer) {
        return Ok(None);
    }
    Ok(codename(&fs::read_to_string("/etc/os-release")?).map(|name| format!("{name}-backports")))
}

/// Adds the suite to apt's sources unless apt already knows it.
///
/// # Errors
/// The source can't be written.
pub fn add(suite: &str) -> anyhow::Result<()> {
    if is_known(&sh::output(Command::new("apt-cache").arg("policy"))?, suite) {
        return Ok(());
    }
    let file = "/etc/apt/sources.list.d/limekiln-backports.sources";
    println!("setup: qemu-utils is from {suite}; adding that suite in {file}");
    let text = format!(
        "Types: deb\nURIs: http://deb.debian.org/debian\nSuites: {suite}\nComponents: main\n\
         Signed-By: {}\n",
        crate::guest::KEYRING
    );
    let mut tee = as_root("tee")?.arg(file).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    if let Some(input) = tee.stdin.as_mut() {
        input.write_all(text.as_bytes())?;
    }
    anyhow::ensure!(tee.wait()?.success(), "cannot write {file}");
    Ok(())
}

/// `apt-cache policy` names each archive as `http://host/debian SUITE/COMPONENT …`.
fn is_known(policy: &str, suite: &str) -> bool {
    policy.split_whitespace().any(|word| word.split('/').next() == Some(suite))
}

fn is_backport(answer: &str) -> bool {
    answer.starts_with("installed ") && answer.contains("~bpo")
}

fn codename(os_release: &str) -> Option<&str> {
    os_release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .map(|name| name.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::{codename, is_backport, is_known};

    #[test]
    fn only_an_installed_backport_counts() {
        assert!(is_backport("installed 1:10.0.2+ds-2~bpo12+1"));
        assert!(!is_backport("installed 1:7.2+dfsg-7+deb12u18"));
        assert!(!is_backport("not-installed 1:10.0.2+ds-2~bpo12+1"));
    }

    #[test]
    fn a_suite_is_known_by_its_archive() {
        let policy = " 100 http://deb.debian.org/debian bookworm-backports/main amd64 Packages\n";
        assert!(is_known(policy, "bookworm-backports"));
        assert!(!is_known(policy, "bookworm"));
    }

    #[test]
    fn the_code_name_stands_in_os_release() {
        assert_eq!(codename("ID=debian\nVERSION_CODENAME=bookworm\n"), Some("bookworm"));
        assert_eq!(codename("ID=debian\n"), None);
    }
}
