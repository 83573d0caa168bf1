//! `limekiln rename`

use clap::Args;
use limekiln_model::ObjectId;

use crate::commands::by_hand;
use crate::compose::{App, refused, told};
use crate::exit::{Exit, Failure};
use crate::refs::instance;

/// Give a stopped instance another name.
#[derive(Args)]
#[command(after_help = "Example: limekiln rename web web-old")]
pub struct RenameArgs {
    /// The instance
    #[arg(value_name = "OLD")]
    old: String,
    /// Its new name
    #[arg(value_name = "NEW")]
    new: String,
    /// Start it
    #[arg(long)]
    start: bool,
}

/// Does it.
///
/// # Errors
/// If a manifest describes the instance: it would be made again. If there is none, it runs, or the
/// new name is not free.
pub fn run(args: &RenameArgs) -> anyhow::Result<Exit> {
    let (old, new) = (instance(&args.old)?, instance(&args.new)?);
    let app = App::open()?;
    let id = ObjectId::instance(&old);
    if let Some(origin) = app.reconciler.manifest_of(&id).map_err(told)? {
        let place = app.short_path(&origin.file);
        let failure = Failure::new(Exit::Failed, format!("instance/{old} belongs to {place}"));
        let hint = format!(
            "another name there makes another instance; to have both: limekiln clone {old} {new}"
        );
        return Err(failure.hint(hint).into());
    }
    let claim = app.reconciler.claim_of(&id).map_err(told)?;
    app.by_hand().rename_instance(&old, &new).map_err(refused)?;
    app.reconciler.renamed(claim.as_ref(), ObjectId::instance(&new)).map_err(told)?;
    outln!("instance/{old} is instance/{new} now");
    if args.start { by_hand::start(&args.new) } else { Ok(Exit::Done) }
}
