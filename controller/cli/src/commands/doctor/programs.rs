//! Programs that instances need.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use limekiln_api::{Arch, HostFacts};
use limekiln_hostagent::driver::qemu::program_for;

use super::check::{Check, State};

const ADVICE: &str =
    "install it: `cargo xtask setup`, or the packages qemu-system, qemu-utils and openssh-client";

/// QEMU for this host's architecture and the others, qemu-img, ssh.
pub fn checks(facts: &HostFacts) -> Vec<Check> {
    let mut checks = vec![qemu(facts.arch, State::Fail)];
    for arch in [Arch::X86_64, Arch::Aarch64].into_iter().filter(|arch| *arch != facts.arch) {
        let mut check = qemu(arch, State::Warn);
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

/// The one that would be started, which a variable may name.
fn qemu(arch: Arch, otherwise: State) -> Check {
    let name = format!("qemu-system-{arch}");
    let mut command = match program_for(arch) {
        Ok(command) => command,
        Err(error) => {
            let advice = "write the program and its arguments in the words of a shell";
            return Check::bad(otherwise, name, error.to_string(), advice);
        }
    };
    let program = command.get_program().to_owned();
    let other = (program != *name).then(|| format!(" ({})", program.display()));
    let other = other.unwrap_or_default();
    let Some(path) = find(&program) else {
        return Check::bad(otherwise, name, format!("not found{other}"), ADVICE);
    };
    let version = first_line(command.arg("--version"));
    let found = version.unwrap_or_else(|| path.display().to_string());
    Check::ok(name, format!("{found}{other}"))
}

fn program(name: &str, version: &str, otherwise: State) -> Check {
    match find(name.as_ref()) {
        None => Check::bad(otherwise, name, "not found", ADVICE),
        Some(path) if version.is_empty() => Check::ok(name, path.display().to_string()),
        Some(path) => Check::ok(
            name,
            first_line(Command::new(&path).arg(version))
                .unwrap_or_else(|| path.display().to_string()),
        ),
    }
}

/// As the system finds it: a name with a slash is a path.
fn find(name: &OsStr) -> Option<PathBuf> {
    let path = Path::new(name);
    if path.components().nth(1).is_some() {
        return path.is_file().then(|| path.to_owned());
    }
    env::split_paths(&env::var_os("PATH")?).map(|dir| dir.join(name)).find(|path| path.is_file())
}

/// The version as the program tells it; ssh tells it on standard error.
fn first_line(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    let line = String::from_utf8_lossy(&text).lines().next()?.trim().to_owned();
    // What follows is the package's or a library's version.
    Some(line.split([',', '(']).next().unwrap_or(&line).trim().to_owned())
}
