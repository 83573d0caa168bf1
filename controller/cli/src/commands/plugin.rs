//! `limekiln plugin install`

use std::env;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};

use crate::args::PLUGIN_COMMANDS;
use crate::exit::{Exit, Failure};

/// Make limekiln's commands commands of limactl.
#[derive(Args)]
pub struct PluginArgs {
    #[command(subcommand)]
    action: PluginAction,
}

#[derive(Subcommand)]
enum PluginAction {
    /// Link `limactl-apply`, `limactl-diff` and so on, so that `limactl apply -f` works.
    Install {
        /// Where the links go; a directory on PATH
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Remove the links.
    Uninstall {
        /// Where the links are
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// Makes or removes the links.
///
/// # Errors
/// If the directory cannot be written, or holds something else under one of the names.
pub fn run(args: &PluginArgs) -> anyhow::Result<Exit> {
    let program = env::current_exe().context("cannot find this program")?;
    match &args.action {
        PluginAction::Install { dir } => install(&program, &folder(dir.as_deref(), &program)?),
        PluginAction::Uninstall { dir } => uninstall(&program, &folder(dir.as_deref(), &program)?),
    }
}

/// Beside this program unless told otherwise: that is on PATH when this program was found there.
fn folder(dir: Option<&Path>, program: &Path) -> anyhow::Result<PathBuf> {
    let folder = dir.or_else(|| program.parent()).context("this program has no directory")?;
    Ok(std::path::absolute(folder)?)
}

fn install(program: &Path, dir: &Path) -> anyhow::Result<Exit> {
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    for command in PLUGIN_COMMANDS {
        let link = dir.join(format!("limactl-{command}"));
        match link.symlink_metadata() {
            Ok(meta) if !meta.is_symlink() => {
                let message = format!("{} exists and is no link", link.display());
                return Err(Failure::new(Exit::Failed, message)
                    .hint("move it away, or choose another --dir")
                    .into());
            }
            Ok(_) => std::fs::remove_file(&link)?,
            Err(_) => {}
        }
        symlink(program, &link).with_context(|| format!("cannot make {}", link.display()))?;
    }
    outln!("{} links in {}", PLUGIN_COMMANDS.len(), dir.display());
    let on_path =
        env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|entry| entry == dir));
    if on_path {
        outln!("next: limactl apply -f FILE");
    } else {
        outln!("next: add {} to PATH, then `limactl apply -f FILE`", dir.display());
    }
    Ok(Exit::Done)
}

fn uninstall(program: &Path, dir: &Path) -> anyhow::Result<Exit> {
    let ours = |link: &PathBuf| std::fs::read_link(link).is_ok_and(|target| target == program);
    let links: Vec<_> = PLUGIN_COMMANDS
        .iter()
        .map(|command| dir.join(format!("limactl-{command}")))
        .filter(ours)
        .collect();
    for link in &links {
        std::fs::remove_file(link).with_context(|| format!("cannot remove {}", link.display()))?;
    }
    outln!("{} links removed from {}", links.len(), dir.display());
    Ok(Exit::Done)
}
