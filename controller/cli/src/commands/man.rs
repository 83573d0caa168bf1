//! `limekiln man DIR` (hidden): manual pages, for packagers.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, CommandFactory};

use crate::exit::Exit;

/// Write manual pages: `limekiln.1`, and one for each command.
#[derive(Args)]
pub struct ManArgs {
    /// Where to
    dir: PathBuf,
}

/// Writes them.
///
/// # Errors
/// If the directory cannot be written.
pub fn run(args: &ManArgs) -> anyhow::Result<Exit> {
    let failed = || format!("cannot write to {}", args.dir.display());
    std::fs::create_dir_all(&args.dir).with_context(failed)?;
    clap_mangen::generate_to(crate::args::Cli::command(), &args.dir).with_context(failed)?;
    Ok(Exit::Done)
}
