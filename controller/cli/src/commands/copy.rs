//! `limekiln copy SOURCE… TARGET`

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;
use clap::{Args, ValueEnum};

use crate::commands::ssh::{self, Target};
use crate::compose::App;
use crate::exit::{Exit, Failure};
use crate::quote::quote;

/// Copy files between the host and instances; `NAME:PATH` is in an instance.
#[derive(Args)]
#[command(visible_alias = "cp", after_help = "Example: limekiln copy -r ./src web:/tmp/src")]
pub struct CopyArgs {
    /// What to copy, then where to
    #[arg(required = true, num_args = 2.., value_name = "PATH")]
    paths: Vec<String>,
    /// Copy directories with all that is in them
    #[arg(short, long)]
    recursive: bool,
    /// Which program copies; rsync, where both sides have it, leaves out what is the same
    #[arg(long, value_enum, default_value_t)]
    backend: Backend,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Backend {
    #[default]
    Auto,
    Rsync,
    Scp,
}

/// Runs rsync or scp.
///
/// # Errors
/// If an instance does not run or the program cannot be started; its own exit code is passed on.
pub fn run(args: &CopyArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let mut targets = Vec::new();
    let paths = args
        .paths
        .iter()
        .map(|path| resolve(&app, path, &mut targets))
        .collect::<anyhow::Result<Vec<_>>>()?;
    if targets.is_empty() {
        let failure = Failure::bad_input("none of the paths is in an instance");
        return Err(failure.hint("write NAME:PATH for a path in an instance").into());
    }
    let config = config(&targets)?;
    let mut command = match backend(args.backend, &targets, &paths)? {
        Backend::Rsync => rsync(config.path(), args.recursive)?,
        _ => scp(config.path(), args.recursive, targets.len() > 1),
    };
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.arg("--").args(paths).status();
    let status = status.with_context(|| format!("cannot start {program}"))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(if code == 0 { Exit::Done } else { Exit::Passed(code) })
}

fn scp(config: &Path, recursive: bool, through_here: bool) -> Command {
    let mut command = Command::new("scp");
    command.arg("-F").arg(config);
    command.args(recursive.then_some("-r")).args(through_here.then_some("-3"));
    command
}

/// Without what scp has not either: owners and modes are those of a new file.
fn rsync(config: &Path, recursive: bool) -> anyhow::Result<Command> {
    let mut command = Command::new("rsync");
    let ssh = ssh::command()?;
    let words = std::iter::once(ssh.get_program()).chain(ssh.get_args());
    let words: Vec<_> = words.map(|word| quote(&word.to_string_lossy())).collect();
    let config = quote(&config.to_string_lossy());
    command.arg("-e").arg(format!("{} -F {config} -q", words.join(" ")));
    command.args(["--times", "--links"]).args(recursive.then_some("--recursive"));
    Ok(command)
}

/// rsync cannot copy from one guest to another, and both sides must have it.
fn backend(asked: Backend, targets: &[Target], paths: &[String]) -> anyhow::Result<Backend> {
    let to = paths.last().map_or("", String::as_str);
    let is_remote = |path: &str| targets.iter().any(|one| has_host(path, &one.host));
    let between_guests = targets.len() > 1
        || is_remote(to) && paths[..paths.len() - 1].iter().any(|path| is_remote(path));
    match asked {
        Backend::Scp => Ok(Backend::Scp),
        Backend::Rsync if between_guests => {
            let failure = Failure::bad_input("rsync does not copy from one instance to another");
            Err(failure.hint("use --backend scp").into())
        }
        Backend::Rsync => Ok(Backend::Rsync),
        Backend::Auto if between_guests || !has_rsync(&targets[0])? => Ok(Backend::Scp),
        Backend::Auto => Ok(Backend::Rsync),
    }
}

fn has_host(path: &str, host: &str) -> bool {
    path.split_once(':').is_some_and(|(before, _)| before == host)
}

fn has_rsync(target: &Target) -> anyhow::Result<bool> {
    let quiet = |command: &mut Command| {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()
    };
    let here = quiet(Command::new("rsync").arg("--version")).is_ok_and(|status| status.success());
    if !here {
        return Ok(false);
    }
    let mut there = ssh::command()?;
    there.arg("-F").arg(&target.config).args(["-q", &target.host, "command -v rsync"]);
    Ok(quiet(&mut there).is_ok_and(|status| status.success()))
}

fn resolve(app: &App, path: &str, targets: &mut Vec<Target>) -> anyhow::Result<String> {
    let Some((name, inside)) = path.split_once(':').filter(|(name, _)| !name.contains('/')) else {
        // scp would take `-x` for an option and `a:b` for a host.
        return Ok(if path.starts_with('-') { format!("./{path}") } else { path.to_owned() });
    };
    let target = ssh::target(app, name)?;
    let resolved = format!("{}:{inside}", target.host);
    if targets.iter().all(|known| known.host != target.host) {
        targets.push(target);
    }
    Ok(resolved)
}

/// One configuration that includes those of all instances.
fn config(targets: &[Target]) -> anyhow::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::NamedTempFile::new()?;
    for target in targets {
        writeln!(file, "Include \"{}\"", target.config.display())?;
    }
    Ok(file)
}
