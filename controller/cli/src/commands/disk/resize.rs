//! `limekiln disk resize`

use clap::Args;
use limekiln_api::ByteSize;

use crate::compose::{App, refused};
use crate::exit::Exit;

/// Grow a disk, and what is on it where a VM that runs has it.
#[derive(Args)]
pub struct ResizeArgs {
    /// The disk
    name: String,
    /// Its new size: 40GiB
    #[arg(long)]
    size: ByteSize,
}

/// Does it.
///
/// # Errors
/// If there is none, it is larger, its user cannot grow it, or a manifest describes it.
pub fn run(args: &ResizeArgs) -> anyhow::Result<Exit> {
    let (app, name) = (App::open()?, super::disk(&args.name)?);
    super::must_be_free(&app, &name)?;
    app.block_on(app.by_hand().resize_disk(&name, args.size.0)).map_err(refused)?;
    outln!("disk/{name} has {} now", args.size);
    Ok(Exit::Done)
}
