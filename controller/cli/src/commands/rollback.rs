//! `limekiln rollback`

use clap::Args;

use super::history::short;
use crate::compose::App;
use crate::control::Control;
use crate::exit::Exit;

/// Go back to what a source held before. That revision stays in force, whatever the source holds,
/// until it is released, and then until the source holds one that was not rolled back; the one that
/// was left is never applied again.
#[derive(Args)]
#[command(
    after_help = "`limekiln history` lists revisions, and `limekiln history REVISION` what one changed."
)]
pub struct RollbackArgs {
    /// The beginning of a revision
    #[arg(required_unless_present = "release")]
    revision: Option<String>,
    /// The source whose revision that is, where several have it: as `limekiln history` shows it
    #[arg(long, conflicts_with = "release")]
    source: Option<String>,
    /// Follow the sources again, each from the first revision on that was not rolled back; until it
    /// holds one, it stays at what it was pinned to
    #[arg(long, conflicts_with = "revision")]
    release: bool,
}

/// Writes down which revision is in force.
///
/// # Errors
/// If there is no such revision, or the home cannot be written.
pub fn run(args: &RollbackArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let control = Control::open(&app);
    let Some(word) = &args.revision else {
        match control.release()?.as_slice() {
            [] => outln!("Nothing was pinned."),
            released => {
                outln!("Released: {}; what was rolled back stays so.", released.join(", "));
            }
        }
        return Ok(Exit::Done);
    };
    let back = control.roll_back(word, args.source.as_deref())?;
    outln!("{} is pinned to {}.", back.source, short(&back.revision));
    if !back.left.is_empty() {
        outln!(
            "{} is not applied again, also after `limekiln rollback --release`.",
            short(&back.left)
        );
    }
    Ok(Exit::Done)
}
