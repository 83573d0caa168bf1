//! `limekiln suspend` and `limekiln resume`

use clap::Args;
use limekiln_model::ObjectId;

use crate::compose::App;
use crate::control::Control;
use crate::exit::Exit;
use crate::refs::objects;

/// Leave objects as they are, whatever manifests say, until `resume`. A controller minds it at
/// once; it needs not run.
#[derive(Args)]
pub struct SuspendArgs {
    /// NAME of an instance, KIND/NAME, or KIND and names
    #[arg(required = true)]
    what: Vec<String>,
}

/// Let manifests count again for objects that `suspend` named.
#[derive(Args)]
pub struct ResumeArgs {
    /// NAME of an instance, KIND/NAME, or KIND and names
    #[arg(required = true)]
    what: Vec<String>,
}

/// Suspends.
///
/// # Errors
/// If a word is no object, or the home cannot be written.
pub fn suspend(args: &SuspendArgs) -> anyhow::Result<Exit> {
    change(&args.what, |control, ids| control.suspend(ids), "suspended")
}

/// Resumes.
///
/// # Errors
/// If a word is no object, or the home cannot be written.
pub fn resume(args: &ResumeArgs) -> anyhow::Result<Exit> {
    change(&args.what, |control, ids| control.resume(ids), "resumed")
}

fn change(
    what: &[String],
    change: impl Fn(&Control<'_>, &[ObjectId]) -> anyhow::Result<Vec<ObjectId>>,
    done: &str,
) -> anyhow::Result<Exit> {
    let ids = objects(what)?;
    let app = App::open()?;
    let changed = change(&Control::open(&app), &ids)?;
    for id in &ids {
        outln!("{id} {}{done}", if changed.contains(id) { "" } else { "was already " });
    }
    Ok(Exit::Done)
}
