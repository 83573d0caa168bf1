//! Running other programs, with errors that name the program and show what it said.

use std::fs::{self, File};
use std::io::{IsTerminal, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::workspace;

/// How much of a log is shown when a program fails.
const LAST_LINES: usize = 20;

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

/// Runs a command whose output nobody wants to read unless it fails: says what is done and how
/// long it took, and keeps the output in `target/log/LOG.log`.
///
/// # Errors
/// The program is missing, or exits with anything but 0; the error has the end of its output.
pub fn logged(what: &str, log: &str, command: &mut Command) -> anyhow::Result<()> {
    let path = log_file(log)?;
    let file = File::options().create(true).append(true).open(&path)?;
    let name = name_of(command);
    let child = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).spawn();
    let mut child = child.with_context(|| format!("cannot run {name}"))?;
    let status = counted(what, &mut child)?;
    if !status.success() {
        let text = fs::read(&path).unwrap_or_default();
        bail!("{name} failed ({status}):\n{}\nall of it is in {}", end_of(&text), path.display());
    }
    Ok(())
}

/// Does something that takes long, and says what and how long it took.
///
/// # Errors
/// Those of the work.
pub fn timed<T>(what: &str, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    print!("{what} … ");
    stdout().flush()?;
    let start = Instant::now();
    let done = work();
    println!("{}", if done.is_ok() { elapsed(start) } else { "failed".to_owned() });
    done
}

/// An empty log; the last one's is gone.
fn log_file(name: &str) -> anyhow::Result<PathBuf> {
    let dir = workspace::target().join("log");
    fs::create_dir_all(&dir)?;
    let path = dir.join(format!("{name}.log"));
    File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// Waits for the end; on a terminal the seconds are counted.
fn counted(what: &str, child: &mut Child) -> anyhow::Result<ExitStatus> {
    let (start, terminal) = (Instant::now(), stdout().is_terminal());
    if !terminal {
        return timed(what, || Ok(child.wait()?));
    }
    loop {
        let ended = child.try_wait()?;
        let time = if ended.is_some_and(|status| !status.success()) {
            "failed".to_owned()
        } else {
            elapsed(start)
        };
        print!("\r{what} … {time} ");
        stdout().flush()?;
        if let Some(status) = ended {
            println!();
            return Ok(status);
        }
        sleep(Duration::from_millis(200));
    }
}

/// `8 s`, `1 min 5 s`
fn elapsed(start: Instant) -> String {
    match start.elapsed().as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

fn end_of(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
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
pub fn find(program: &str) -> Option<PathBuf> {
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

/// This cargo, in the workspace.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(workspace::root());
    command
}

fn name_of(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}
