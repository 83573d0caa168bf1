//! `cargo xtask codegen`: writes what is made from the types, or checks that it is up to date.

use anyhow::Context;

use crate::sh;

/// Flags of `cargo xtask codegen`.
#[derive(clap::Args)]
pub struct Args {
    /// Write nothing; fail if a committed file is not what would be written.
    #[arg(long)]
    check: bool,
}

/// Builds the generator and runs it.
///
/// # Errors
/// It can't be built, or fails.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let mut cargo = sh::cargo(&["run", "--quiet", "--package", "xtask", "--features", "codegen"]);
    cargo.args(["--bin", "codegen", "--"]);
    let status =
        cargo.args(args.check.then_some("--check")).status().context("cannot run cargo")?;
    // The generator has said what is wrong.
    anyhow::ensure!(status.success(), "codegen failed");
    Ok(())
}
