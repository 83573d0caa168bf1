//! Project tasks: `cargo xtask NAME`. One command per file; see docs/testing.md.

mod guest;
mod images;
mod sh;
mod workspace;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Limekiln's project tasks")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the guest images that live tests and the quickstart boot.
    Images(images::Args),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Images(args) => images::run(&args),
    }
}
