//! `limekiln rollback`

use clap::Args;
use limekiln_reconciler::{History, Requests};

use super::history::{find, short};
use crate::compose::{App, told};
use crate::exit::Exit;

/// Go back to what a source held before. That revision stays in force, whatever the source holds,
/// until it is released; the one that was left is never applied again.
#[derive(Args)]
#[command(
    after_help = "`limekiln history` lists revisions, and `limekiln history REVISION` what one changed."
)]
pub struct RollbackArgs {
    /// The beginning of a revision
    #[arg(required_unless_present = "release")]
    revision: Option<String>,
    /// Follow the sources again, from their next revision on
    #[arg(long, conflicts_with = "revision")]
    release: bool,
}

/// Writes down which revision is in force.
///
/// # Errors
/// If there is no such revision, or the home cannot be written.
pub fn run(args: &RollbackArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let home = app.reconciler.home();
    let Some(word) = &args.revision else {
        let mut released = Vec::new();
        Requests::change(home, |requests| {
            released = std::mem::take(&mut requests.pinned).into_keys().collect();
        })
        .map_err(|error| told(error.into()))?;
        match released.is_empty() {
            true => outln!("Nothing was pinned."),
            false => outln!("Released: {}; what was rolled back stays so.", released.join(", ")),
        }
        return Ok(Exit::Done);
    };
    let all = History::new(home).read()?;
    let back = find(&all, word)?;
    let left = all.iter().rev().find(|one| one.source == back.source);
    let left = left.filter(|left| left.revision != back.revision);
    Requests::change(home, |requests| {
        requests.pinned.insert(back.source.clone(), back.revision.clone());
        requests.rolled_back.remove(&back.revision);
        requests.rolled_back.extend(left.map(|left| left.revision.clone()));
    })
    .map_err(|error| told(error.into()))?;
    outln!("{} is pinned to {}.", back.source, short(&back.revision));
    if let Some(left) = left {
        outln!(
            "{} is not applied again, also after `limekiln rollback --release`.",
            short(&left.revision)
        );
    }
    Ok(Exit::Done)
}
