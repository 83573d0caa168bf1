//! `limekiln network delete`

use clap::Args;
use limekiln_model::ObjectId;

use crate::commands::delete::delete;
use crate::compose::App;
use crate::exit::Exit;
use crate::run::Options;

/// Delete networks: they are parked, and `undelete` brings them back.
#[derive(Args)]
pub struct DeleteArgs {
    /// The networks
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Remove for good, also what was parked before
    #[arg(long)]
    purge: bool,
    /// Do not ask; limactl's word for it is --force
    #[arg(short, long, visible_alias = "force")]
    yes: bool,
}

/// Plans, shows, asks, deletes.
///
/// # Errors
/// If there is none, somebody uses it, or consent is missing.
pub fn run(args: &DeleteArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let names = args.names.iter().map(|word| super::network(word));
    let ids =
        names.map(|name| Ok(ObjectId::network(&name?))).collect::<anyhow::Result<Vec<_>>>()?;
    delete(&app, &ids, args.purge, Options { yes: args.yes, ..Options::default() })
}
