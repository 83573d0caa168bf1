//! `limekiln disk import`

use std::path::PathBuf;

use clap::Args;
use limekiln_model::ObjectId;

use crate::compose::{App, refused, told};
use crate::exit::Exit;

/// Make a disk of a qcow2 or raw image; the file stays as it is.
#[derive(Args)]
pub struct ImportArgs {
    /// The disk
    name: String,
    /// The image
    file: PathBuf,
}

/// Does it.
///
/// # Errors
/// If the disk exists, or the file is no such image.
pub fn run(args: &ImportArgs) -> anyhow::Result<Exit> {
    let name = super::disk(&args.name)?;
    let app = App::open()?;
    app.by_hand_anew()?.import_disk(&name, &args.file).map_err(refused)?;
    app.reconciler.own(ObjectId::disk(&name)).map_err(told)?;
    outln!("disk/{name} is there; attach it with `additionalDisks: [{{name: {name}}}]`");
    Ok(Exit::Done)
}
