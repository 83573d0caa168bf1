//! `limekiln undelete`

use clap::Args;
use limekiln_model::Kind;

use crate::compose::{App, told};
use crate::exit::{Exit, Failure};
use crate::output::plan;
use crate::refs::objects;
use crate::run::{self, Options};

/// Bring deleted objects back, stopped.
#[derive(Args)]
pub struct UndeleteArgs {
    /// NAME of an instance, KIND/NAME, or KIND and names; `get --deleted` lists them
    #[arg(required = true)]
    what: Vec<String>,
    /// Which of several deletions of one object to undo, as `get --deleted` shows it; without it the
    /// last one
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

/// Plans and restores.
///
/// # Errors
/// If a word is no object.
pub fn run(args: &UndeleteArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let ids = objects(&args.what)?;
    if args.key.is_some() && ids.len() != 1 {
        return Err(Failure::bad_input("a key is one object's: name that").into());
    }
    let planned =
        app.block_on(app.reconciler.plan_restore(&ids, args.key.as_deref())).map_err(told)?;
    out!("{}", plan::waiting(&planned.report));
    let exit = run::run(&app, planned, Options::default())?;
    if let (Exit::Done, Some(id)) = (exit, ids.iter().find(|id| id.kind == Kind::Instance)) {
        outln!("next: limekiln start {}, or put its manifest back and apply", id.name);
    }
    Ok(exit)
}
