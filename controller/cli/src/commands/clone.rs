//! `limekiln clone`

use clap::Args;
use limekiln_model::ObjectId;

use crate::commands::by_hand;
use crate::compose::{App, refused, told};
use crate::exit::Exit;
use crate::refs::instance;

/// Copy a stopped instance; large files share their blocks where the file system can.
///
/// No manifest describes the copy: `export` writes one.
#[derive(Args)]
#[command(after_help = "Example: limekiln clone web web2 --start")]
pub struct CloneArgs {
    /// The instance that is copied
    #[arg(value_name = "OLD")]
    old: String,
    /// The name of the copy
    #[arg(value_name = "NEW")]
    new: String,
    /// Start the copy
    #[arg(long)]
    start: bool,
}

/// Does it.
///
/// # Errors
/// If there is no such instance, it runs, or the new name is not free.
pub fn run(args: &CloneArgs) -> anyhow::Result<Exit> {
    let (old, new) = (instance(&args.old)?, instance(&args.new)?);
    let app = App::open()?;
    app.by_hand_anew()?.clone_instance(&old, &new).map_err(refused)?;
    app.reconciler.own(ObjectId::instance(&new)).map_err(told)?;
    outln!("instance/{new} is a copy of instance/{old}");
    if args.start { by_hand::start(&args.new) } else { Ok(Exit::Done) }
}
