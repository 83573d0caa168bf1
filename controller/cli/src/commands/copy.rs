//! `limekiln copy SOURCE… TARGET`

use std::io::Write;
use std::process::Command;

use anyhow::Context;
use clap::Args;

use crate::commands::ssh::{self, Target};
use crate::compose::App;
use crate::exit::{Exit, Failure};

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
}

/// Runs scp.
///
/// # Errors
/// If an instance does not run or scp cannot be started; scp's own exit code is passed on.
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
    let mut command = Command::new("scp");
    command.arg("-F").arg(config.path());
    if args.recursive {
        command.arg("-r");
    }
    if targets.len() > 1 {
        command.arg("-3");
    }
    let status = command.arg("--").args(paths).status().context("cannot start scp")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(if code == 0 { Exit::Done } else { Exit::Passed(code) })
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
