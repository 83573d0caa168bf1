//! `limekiln stop`

use std::time::Duration;

use clap::Args;
use limekiln_model::StopMode;
use limekiln_reconciler::RunVerb;

use crate::commands::by_hand;
use crate::exit::Exit;
use crate::output::time::parse_duration;

/// Stop instances. One whose runStrategy is Always is started by the next apply.
#[derive(Args)]
pub struct StopArgs {
    /// The instances
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Kill at once, without asking the guest
    #[arg(long)]
    force: bool,
    /// Stop waiting after this long: 90s, 5m
    #[arg(long, value_parser = parse_duration, value_name = "TIME")]
    timeout: Option<Duration>,
}

/// Does it.
///
/// # Errors
/// If a name is no name, or another limekiln is at work.
pub fn run(args: &StopArgs) -> anyhow::Result<Exit> {
    by_hand::run(
        &args.names,
        RunVerb::Stop(if args.force { StopMode::Force } else { StopMode::Graceful }),
        args.timeout,
    )
}
