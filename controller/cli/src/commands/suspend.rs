//! `limekiln suspend` and `limekiln resume`

use clap::Args;
use limekiln_model::ObjectId;
use limekiln_reconciler::Requests;

use crate::compose::{App, told};
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
    change(&args.what, |requests, id| requests.suspended.insert(id.clone()), "suspended")
}

/// Resumes.
///
/// # Errors
/// If a word is no object, or the home cannot be written.
pub fn resume(args: &ResumeArgs) -> anyhow::Result<Exit> {
    change(&args.what, |requests, id| requests.suspended.remove(id), "resumed")
}

fn change(
    what: &[String],
    change: impl Fn(&mut Requests, &ObjectId) -> bool,
    done: &str,
) -> anyhow::Result<Exit> {
    let ids = objects(what)?;
    let app = App::open()?;
    let mut changed = Vec::new();
    Requests::change(app.reconciler.home(), |requests| {
        changed = ids.iter().map(|id| change(requests, id)).collect();
    })
    .map_err(|error| told(error.into()))?;
    for (id, changed) in ids.iter().zip(changed) {
        outln!("{id} {}{done}", if changed { "" } else { "was already " });
    }
    Ok(Exit::Done)
}
