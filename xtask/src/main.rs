//! Project tasks: `cargo xtask NAME`. One command per file; see docs/testing.md.

mod bench;
mod check_deps;
mod codegen;
mod fuzz;
mod guest;
mod guestagent;
mod images;
mod quickstart;
mod setup;
mod sh;
mod simulate;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Limekiln's project tasks")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measure what we promise about speed and size.
    Bench(bench::Args),
    /// Hold the layer rules against the real dependency graph.
    CheckDeps,
    /// Write schemas/, crds/ and docs/costs.md from the types.
    Codegen(codegen::Args),
    /// Run the fuzz targets, for a bounded time each.
    Fuzz(fuzz::Args),
    /// Build the static guest agent, beside the program.
    Guestagent(guestagent::Args),
    /// Build the guest images that live tests and the quickstart boot.
    Images(images::Args),
    /// From nothing to a VM that runs: set-up, build, image, apply, a command in the VM.
    Quickstart,
    /// Install the system packages that are missing.
    Setup,
    /// Play schedules of the whole controller on virtual time, with faults.
    Simulate(simulate::Args),
    /// Run all tests, those on real VMs included, from a clean machine.
    Test(test::Args),
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<()> {
    match task {
        Task::Bench(args) => bench::run(&args),
        Task::CheckDeps => check_deps::run(),
        Task::Codegen(args) => codegen::run(&args),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Guestagent(args) => guestagent::run(&args),
        Task::Images(args) => images::run(&args),
        Task::Quickstart => quickstart::run(),
        Task::Setup => setup::run(true),
        Task::Simulate(args) => simulate::run(&args),
        Task::Test(args) => test::run(&args),
    }
}
