//! `limekiln disk create`

use clap::{Args, ValueEnum};
use limekiln_api::{ByteSize, DiskFormat, DiskSpec};
use limekiln_model::ObjectId;

use crate::compose::{App, refused, told};
use crate::exit::Exit;

/// Make a disk for `additionalDisks`.
#[derive(Args)]
pub struct CreateArgs {
    /// The disk
    name: String,
    /// How large: 20GiB
    #[arg(long)]
    size: ByteSize,
    /// How it is stored
    #[arg(long, value_enum, default_value_t)]
    format: Stored,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Stored {
    #[default]
    Qcow2,
    Raw,
}

/// Does it.
///
/// # Errors
/// If it exists, or cannot be made.
pub fn run(args: &CreateArgs) -> anyhow::Result<Exit> {
    let name = super::disk(&args.name)?;
    let format = match args.format {
        Stored::Qcow2 => DiskFormat::Qcow2,
        Stored::Raw => DiskFormat::Raw,
    };
    let spec = DiskSpec::of(args.size.0, format);
    let app = App::open()?;
    app.by_hand_anew()?.create_disk(&name, &spec).map_err(refused)?;
    app.reconciler.own(ObjectId::disk(&name)).map_err(told)?;
    outln!(
        "disk/{name} of {} is there; attach it with `additionalDisks: [{{name: {name}}}]`",
        args.size
    );
    Ok(Exit::Done)
}
