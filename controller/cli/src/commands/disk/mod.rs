//! `limekiln disk`

mod create;
mod delete;
mod import;
mod list;
mod resize;
mod unlock;

use clap::{Args, Subcommand};
use limekiln_model::{Name, ObjectId};

use crate::compose::{App, told};
use crate::exit::{Exit, Failure};

/// Additional disks, made and changed by hand.
#[derive(Args)]
#[command(after_help = "Example: limekiln disk create data --size 20GiB")]
pub struct DiskCommandArgs {
    #[command(subcommand)]
    command: DiskCommand,
}

#[derive(Subcommand)]
enum DiskCommand {
    /// List disks
    #[command(visible_alias = "ls")]
    List(list::ListArgs),
    /// Make a disk
    Create(create::CreateArgs),
    /// Make a disk of a file
    Import(import::ImportArgs),
    /// Grow a disk that nobody uses
    Resize(resize::ResizeArgs),
    /// Delete disks; `undelete` brings them back
    #[command(visible_alias = "rm")]
    Delete(delete::DeleteArgs),
    /// Take disks from instances that do not run any more
    Unlock(unlock::UnlockArgs),
}

/// Does what was asked.
///
/// # Errors
/// As the subcommands.
pub fn run(args: &DiskCommandArgs) -> anyhow::Result<Exit> {
    match &args.command {
        DiskCommand::List(args) => list::run(args),
        DiskCommand::Create(args) => create::run(args),
        DiskCommand::Import(args) => import::run(args),
        DiskCommand::Resize(args) => resize::run(args),
        DiskCommand::Delete(args) => delete::run(args),
        DiskCommand::Unlock(args) => unlock::run(args),
    }
}

fn disk(word: &str) -> anyhow::Result<Name> {
    let word = word.strip_prefix("disk/").unwrap_or(word);
    Name::new(word).map_err(|error| Failure::bad_input(error.to_string()).into())
}

/// What a manifest describes is changed there: by hand, it would be told as drift.
fn must_be_free(app: &App, name: &Name) -> anyhow::Result<()> {
    let manifest = app.reconciler.manifest_of(&ObjectId::disk(name)).map_err(told)?;
    let Some(origin) = manifest else { return Ok(()) };
    let place = format!("{}:{}", app.short_path(&origin.file), origin.line);
    let failure = Failure::new(Exit::Failed, format!("disk/{name} belongs to {place}"));
    Err(failure.hint("change `spec.size` there, then apply").into())
}
