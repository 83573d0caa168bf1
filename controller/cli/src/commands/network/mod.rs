//! `limekiln network`

mod create;
mod delete;
mod list;

use clap::{Args, Subcommand};
use limekiln_model::Name;

use crate::exit::{Exit, Failure};

/// Networks, made and removed by hand.
#[derive(Args)]
#[command(after_help = "Example: limekiln network create team --gateway 192.168.42.1/24")]
pub struct NetworkCommandArgs {
    #[command(subcommand)]
    command: NetworkCommand,
}

#[derive(Subcommand)]
enum NetworkCommand {
    /// List networks
    #[command(visible_alias = "ls")]
    List(list::ListArgs),
    /// Define a network
    Create(create::CreateArgs),
    /// Delete networks; `undelete` brings them back
    #[command(visible_aliases = ["rm", "remove"])]
    Delete(delete::DeleteArgs),
}

/// Does what was asked.
///
/// # Errors
/// As the subcommands.
pub fn run(args: &NetworkCommandArgs) -> anyhow::Result<Exit> {
    match &args.command {
        NetworkCommand::List(args) => list::run(args),
        NetworkCommand::Create(args) => create::run(args),
        NetworkCommand::Delete(args) => delete::run(args),
    }
}

fn network(word: &str) -> anyhow::Result<Name> {
    let word = word.strip_prefix("network/").unwrap_or(word);
    Name::new(word).map_err(|error| Failure::bad_input(error.to_string()).into())
}
