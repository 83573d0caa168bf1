//! Programs that instances need.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use limekiln_api::{Arch, HostFacts};

use super::check::{Check, State};

const ADVICE: &str =
    "install it: `cargo xtask setup`, or the packages qemu-system, qemu-utils and openssh-client";

/// QEMU for this host's architecture and the others, qemu-img, ssh.
pub fn checks(facts: &HostFacts) -> Vec<Check> {
    let own = format!("qemu-system-{}", facts.arch);
    let mut checks = vec![program(&own, "--version", State::Fail)];
    for arch in [Arch::X86_64, Arch::Aarch64].into_iter().filter(|arch| *arch != facts.arch) {
        let mut check = program(&format!("qemu-system-{arch}"), "--version", State::Warn);
        if check.state == State::Warn {
            check.advice = Some(format!("needed only for {arch} guests"));
        }
        checks.push(check);
    }
    checks.push(program("qemu-img", "--version", State::Fail));
    checks.push(program("ssh", "-V", State::Fail));
    checks.push(program("ssh-keygen", "", State::Fail));
    checks
}

fn program(name: &str, version: &str, otherwise: State) -> Check {
    match find(name) {
        None => Check::bad(otherwise, name, "not found", ADVICE),
        Some(path) if version.is_empty() => Check::ok(name, path.display().to_string()),
        Some(path) => Check::ok(
            name,
            first_line(&path, version).unwrap_or_else(|| path.display().to_string()),
        ),
    }
}

fn find(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|dir| dir.join(name)).find(|path| path.is_file())
}

/// The version as the program tells it; ssh tells it on standard error.
fn first_line(path: &PathBuf, argument: &str) -> Option<String> {
    let output = Command::new(path).arg(argument).stdin(Stdio::null()).output().ok()?;
    let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    let line = String::from_utf8_lossy(&text).lines().next()?.trim().to_owned();
    // What follows is the package's or a library's version.
    Some(line.split([',', '(']).next().unwrap_or(&line).trim().to_owned())
}
