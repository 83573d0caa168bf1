//! `limekiln plan`

use std::path::PathBuf;

use clap::Args;

use super::apply::PolicyArgs;
use crate::compose::{App, told};
use crate::exit::Exit;
use crate::output::plan;
use crate::quote::quote;
use crate::sources::SourceArgs;

/// Write the plan to a file: look at it now, run it later with `apply FILE`.
#[derive(Args)]
pub struct PlanArgs {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    /// The file; without it the plan is only shown
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Plans, shows, saves.
///
/// # Errors
/// If manifests cannot be read or the file cannot be written.
pub fn run(args: &PlanArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let (planned, bad) = args.source.plan(&app, args.policy.policy())?;
    out!("{}", plan::show(&planned.plan, &planned.report));
    if planned.plan.is_empty() {
        outln!("Nothing to do.");
    }
    if let Some(file) = &args.output {
        app.reconciler.save(&planned).write(file).map_err(|error| told(error.into()))?;
        outln!("next: limekiln apply {}", quote(&file.display().to_string()));
    }
    Ok(if bad { Exit::BadInput } else { Exit::Done })
}
