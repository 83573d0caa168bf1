//! `limekiln service`

use anyhow::Context;
use clap::{Args, Parser, Subcommand};

use crate::args::Cli;
use crate::exit::{Exit, Failure};
use crate::service::{Manager, Start, program};

/// Have systemd or launchd run the controller for this user.
#[derive(Args)]
pub struct ServiceArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Install and start it; what follows is what `run` is given
    #[command(after_help = "Example:\n  limekiln service install -- -f ~/vms --prune")]
    Install {
        /// Print the file, and change nothing
        #[arg(long)]
        print: bool,
        /// Words for `limekiln run`
        #[arg(last = true, required = true, value_name = "RUN ARGUMENTS")]
        run: Vec<String>,
    },
    /// Stop it and remove it; VMs go on
    Uninstall,
    /// Show how it is
    Status,
}

/// Does it.
///
/// # Errors
/// If `run` would refuse the words, or the service manager does.
pub fn run(args: &ServiceArgs) -> anyhow::Result<Exit> {
    let manager = Manager::here()?;
    match &args.verb {
        Verb::Install { print, run } => install(&manager, run, *print),
        Verb::Uninstall => {
            match manager.uninstall()? {
                true => outln!("Stopped and removed; VMs go on."),
                false => outln!("It was not installed."),
            }
            Ok(Exit::Done)
        }
        Verb::Status => manager.status(),
    }
}

fn install(manager: &Manager, run: &[String], print: bool) -> anyhow::Result<Exit> {
    let words = ["limekiln", "run"].into_iter().chain(run.iter().map(String::as_str));
    if let Err(error) = Cli::try_parse_from(words) {
        return Err(Failure::bad_input(error.to_string().trim_end()).into());
    }
    let program = program().context("cannot tell where this program is")?;
    let program = [program.display().to_string(), "run".to_owned()];
    let start = Start {
        words: program.into_iter().chain(run.iter().cloned()).collect(),
        folder: std::env::current_dir()?,
        lima_home: variable("LIMA_HOME"),
        path: variable("PATH"),
    };
    if print {
        out!("{}", manager.text(&start));
        return Ok(Exit::Done);
    }
    manager.install(&start)?;
    outln!("{} runs it: {}", manager.name, manager.file.display());
    if let Some(log) = &manager.log {
        outln!("its log: {}", log.display());
    }
    outln!("next: limekiln service status");
    Ok(Exit::Done)
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}
