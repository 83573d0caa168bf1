//! `limekiln delete`

use std::time::Duration;

use clap::Args;
use limekiln_model::ObjectId;

use crate::compose::{App, told};
use crate::exit::{Exit, Failure};
use crate::output::plan;
use crate::output::time::parse_duration;
use crate::refs::objects;
use crate::run::{self, Options};
use crate::sources::SourceArgs;

/// Delete objects: they are stopped and parked, and `undelete` brings them back.
#[derive(Args)]
#[command(visible_alias = "rm")]
pub struct DeleteArgs {
    /// NAME of an instance, KIND/NAME, or KIND and names
    what: Vec<String>,
    #[command(flatten)]
    source: SourceArgs,
    /// Remove for good, also what was parked before
    #[arg(long)]
    purge: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Stop waiting after this long: 90s, 5m
    #[arg(long, value_parser = parse_duration, value_name = "TIME")]
    timeout: Option<Duration>,
}

/// Plans, shows, asks, deletes.
///
/// # Errors
/// If nothing is named, or consent is missing.
pub fn run(args: &DeleteArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let mut ids = objects(&args.what)?;
    if !args.source.is_empty() {
        let desired = args.source.load(&app)?.desired;
        ids.extend(desired.ids());
    }
    if ids.is_empty() {
        return Err(Failure::bad_input("nothing was named")
            .hint("limekiln delete NAME, or -f FILE")
            .into());
    }
    let options = Options { yes: args.yes, timeout: args.timeout, ..Options::default() };
    delete(&app, &ids, args.purge, options)
}

/// The same for objects that are known, of whatever kind.
///
/// # Errors
/// If there is none, somebody uses it, or consent is missing.
pub fn delete(app: &App, ids: &[ObjectId], purge: bool, options: Options) -> anyhow::Result<Exit> {
    let planned = app.block_on(app.reconciler.plan_delete(ids, purge)).map_err(told)?;
    out!("{}", plan::show(&planned.plan, &planned.report));
    run::run(app, planned, options)
}
