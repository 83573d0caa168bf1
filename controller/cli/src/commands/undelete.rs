//! `limekiln undelete`

use clap::Args;
use limekiln_model::Kind;

use crate::compose::{App, told};
use crate::exit::Exit;
use crate::output::plan;
use crate::refs::objects;
use crate::run::{self, Options};

/// Bring deleted objects back, stopped.
#[derive(Args)]
pub struct UndeleteArgs {
    /// NAME of an instance, KIND/NAME, or KIND and names; `get --deleted` lists them
    #[arg(required = true)]
    what: Vec<String>,
}

/// Plans and restores.
///
/// # Errors
/// If a word is no object.
pub fn run(args: &UndeleteArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let ids = objects(&args.what)?;
    let planned = app.block_on(app.reconciler.plan_restore(&ids)).map_err(told)?;
    out!("{}", plan::waiting(&planned.report));
    let exit = run::run(&app, planned, Options::default())?;
    if let (Exit::Done, Some(id)) = (exit, ids.iter().find(|id| id.kind == Kind::Instance)) {
        outln!("next: limekiln start {}, or put its manifest back and apply", id.name);
    }
    Ok(exit)
}
