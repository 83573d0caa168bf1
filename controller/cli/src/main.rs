//! `limekiln`: the command line, and the only place that knows which engines exist.

// They panic when the pipe is closed: `outln!` and `errln!` serve.
#![warn(clippy::print_stdout, clippy::print_stderr)]

// First, for its macros.
#[macro_use]
mod output;
mod args;
mod commands;
mod compose;
mod control;
mod course;
mod exit;
mod locked;
mod outcome;
mod quote;
mod reading;
mod refs;
mod run;
mod run_config;
mod service;
mod signals;
mod sources;
mod supervisor;
mod waking;
mod watch;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use tracing_subscriber::EnvFilter;

use args::{Cli, Command};
use exit::{Exit, Failure};

/// Manifests are parsed on all processors into many small pieces, and freed on others.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    limekiln_hostagent::huge_pages::refuse();
    let cli = match Cli::try_parse_from(arguments()) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    // A host agent has a log of its own, in the shape that Lima's tools read; that of a network
    // daemon has bounds, since guests can make it speak.
    if !matches!(cli.command, Command::Hostagent(_) | Command::Usernet(_)) {
        log_to_stderr(&cli);
    }
    let exit = run(&cli.command).unwrap_or_else(|error| report(&error));
    match output::out::failure() {
        Some(why) if exit == Exit::Done => {
            report(&anyhow::anyhow!("cannot write to standard output: {why}")).into()
        }
        _ => exit.into(),
    }
}

/// The arguments; under the name `limactl-apply` the first one is `apply`.
fn arguments() -> Vec<OsString> {
    let mut words: Vec<OsString> = std::env::args_os().collect();
    let command = words.first().and_then(|program| {
        Path::new(program).file_name()?.to_str()?.strip_prefix("limactl-").map(OsString::from)
    });
    if let Some(command) = command {
        words.splice(..1, ["limekiln".into(), command]);
    }
    words
}

/// Clap ends bad arguments with 2, which is "differences" here.
fn usage(error: &clap::Error) -> ExitCode {
    // If the message cannot be printed there is nobody to read it.
    let _ = error.print();
    if error.use_stderr() { Exit::BadInput.into() } else { Exit::Done.into() }
}

fn log_to_stderr(cli: &Cli) {
    let level = match cli.verbose {
        0 => "warn",
        1 => "info,limekiln=debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_env("LIMEKILN_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if matches!(&cli.command, Command::Run(args) if args.is_for_programs()) {
        return lines.with_ansi(false).event_format(output::log::Records).init();
    }
    lines.without_time().with_target(false).init();
}

fn run(command: &Command) -> anyhow::Result<Exit> {
    match command {
        Command::Apply(args) => commands::apply::run(args),
        Command::Run(args) => commands::run::run(args),
        Command::Diff(args) => commands::diff::run(args),
        Command::Plan(args) => commands::plan::run(args),
        Command::Validate(args) => commands::validate::run(args),
        Command::Get(args) => commands::get::run(args),
        Command::Describe(args) => commands::describe::run(args),
        Command::Events(args) => commands::events::run(args),
        Command::Wait(args) => commands::wait::run(args),
        Command::Delete(args) => commands::delete::run(args),
        Command::Undelete(args) => commands::undelete::run(args),
        Command::History(args) => commands::history::run(args),
        Command::Rollback(args) => commands::rollback::run(args),
        Command::Service(args) => commands::service::run(args),
        Command::Notify(args) => commands::notify::run(args),
        Command::Suspend(args) => commands::suspend::suspend(args),
        Command::Resume(args) => commands::suspend::resume(args),
        Command::Ack(args) => commands::ack::run(args),
        Command::Lock(args) => commands::lock::run(args),
        Command::Template(args) => commands::template::run(args),
        Command::Policy(args) => commands::policy::run(args),
        Command::Graph(args) => commands::graph::run(args),
        Command::Explain(args) => commands::explain::run(args),
        Command::Export(args) => commands::export::run(args),
        Command::List(args) => commands::list::run(args),
        Command::Start(args) => commands::start::run(args),
        Command::Stop(args) => commands::stop::run(args),
        Command::Restart(args) => commands::restart::run(args),
        Command::Shell(args) => commands::shell::run(args),
        Command::Copy(args) => commands::copy::run(args),
        Command::ShowSsh(args) => commands::show_ssh::run(args),
        Command::Logs(args) => commands::logs::run(args),
        Command::Watch(args) => commands::watch::run(args),
        Command::Clone(args) => commands::clone::run(args),
        Command::Rename(args) => commands::rename::run(args),
        Command::Protect(args) => commands::protect::protect(args),
        Command::Unprotect(args) => commands::protect::unprotect(args),
        Command::Disk(args) => commands::disk::run(args),
        Command::Network(args) => commands::network::run(args),
        Command::Tunnel(args) => commands::tunnel::run(args),
        Command::Sudoers(args) => commands::sudoers::run(args),
        Command::Snapshot(args) => commands::snapshot::run(args),
        Command::Doctor(args) => commands::doctor::run(args),
        Command::Schema(args) => commands::schema::run(args),
        Command::Completion(args) => Ok(commands::completion::run(args)),
        Command::Plugin(args) => commands::plugin::run(args),
        Command::Man(args) => commands::man::run(args),
        Command::Hostagent(args) => commands::hostagent::run(args),
        Command::Usernet(args) => commands::usernet::run(args),
    }
}

/// Prints the error with its causes and what to do, and chooses the exit code.
fn report(error: &anyhow::Error) -> Exit {
    let failure = error.chain().find_map(|cause| cause.downcast_ref::<Failure>());
    let closed_pipe = error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    });
    if closed_pipe {
        return Exit::Done;
    }
    let bad = output::style::Styled(output::style::BAD, "error:");
    let width = output::fold::error_width();
    errln!("{}", output::fold::fold(&format!("{bad} {}", chain(error)), 7, width));
    if let Some(hint) = failure.and_then(Failure::advice) {
        let help = output::style::Styled(output::style::BOLD, "help:");
        errln!("{}", output::fold::fold(&format!("{help} {hint}"), 6, width));
    }
    failure.map_or(Exit::Failed, Failure::exit)
}

/// The error and its causes; a cause that the text before already contains is left out.
fn chain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text += ": ";
            text += &cause;
        }
    }
    text
}
