//! Running other programs, with errors that name the program and show what it said.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// Runs the command with its output shown; fails unless it exits 0.
///
/// # Errors
/// The program is missing, or exits with anything but 0.
pub fn run(command: &mut Command) -> anyhow::Result<()> {
    let name = name_of(command);
    let status = command.status().with_context(|| format!("cannot run {name}"))?;
    if !status.success() {
        bail!("{name} failed ({status})");
    }
    Ok(())
}

/// Runs the command and returns what it printed; its error output is in the error.
///
/// # Errors
/// The program is missing, exits with anything but 0, or prints no UTF-8.
pub fn output(command: &mut Command) -> anyhow::Result<String> {
    let name = name_of(command);
    let out =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {name}"))?;
    if !out.status.success() {
        bail!("{name} failed ({}):\n{}", out.status, String::from_utf8_lossy(&out.stderr).trim());
    }
    String::from_utf8(out.stdout).with_context(|| format!("{name} printed no UTF-8"))
}

/// True if the program is on the PATH, or in an sbin folder that a user's PATH may lack.
pub fn has(program: &str) -> bool {
    find(program).is_some()
}

/// The program's path; Debian keeps mke2fs and sfdisk where a user's PATH doesn't look.
pub fn find(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].iter().map(|dir| Path::new(dir).to_path_buf()))
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

/// A command for a program that may stand in an sbin folder.
pub fn tool(program: &str) -> Command {
    Command::new(find(program).unwrap_or_else(|| program.into()))
}

fn name_of(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}
