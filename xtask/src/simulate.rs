//! `cargo xtask simulate`: the whole controller on virtual time, from seeds.

use std::process::Command;

use crate::{setup, sh, workspace};

/// How much is played.
#[derive(clap::Args)]
pub struct Args {
    /// How many schedules; with --mutants, how many at most for each deliberate bug.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Show what happened in each schedule that ended badly, or in the only one.
    #[arg(long)]
    log: bool,
    /// Switch on one deliberate bug after the other, or the one named, and play until it is
    /// noticed.
    #[arg(long, value_name = "BUG")]
    mutants: Option<Option<String>>,
}

/// Builds the simulation and runs it.
///
/// # Errors
/// It can't be built, a schedule ended badly, or too many deliberate bugs were not noticed.
pub fn run(args: &Args) -> anyhow::Result<()> {
    setup::compiler()?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    println!("simulate: building");
    // The switch for deliberate bugs is in it also when none is switched on: one build for both.
    sh::run(Command::new(cargo).args(["build", "--quiet", "--profile", "simulation"]).args([
        "--package",
        "limekiln-simulation",
        "--features",
        "mutants",
    ]))?;
    let mut program = Command::new(workspace::target().join("simulation/limekiln-simulate"));
    program.args(["--seeds", &args.seeds.to_string(), "--from", &args.from.to_string()]);
    program.args(args.log.then_some("--log"));
    if let Some(only) = &args.mutants {
        program.arg("--mutants").args(only);
    }
    sh::run(&mut program)
}
