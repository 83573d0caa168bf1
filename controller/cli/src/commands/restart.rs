//! `limekiln restart`

use std::time::Duration;

use clap::Args;
use limekiln_reconciler::RunVerb;

use crate::commands::by_hand;
use crate::exit::Exit;
use crate::output::time::parse_duration;

/// Stop instances and start them again; stored changes take effect.
#[derive(Args)]
pub struct RestartArgs {
    /// The instances
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Stop waiting after this long: 90s, 5m
    #[arg(long, value_parser = parse_duration, value_name = "TIME")]
    timeout: Option<Duration>,
}

/// Does it.
///
/// # Errors
/// If a name is no name, or another limekiln is at work.
pub fn run(args: &RestartArgs) -> anyhow::Result<Exit> {
    by_hand::run(&args.names, RunVerb::Restart, args.timeout)
}
