//! `limekiln-simulate`: plays many stories, and says which ended badly.

#[cfg(feature = "mutants")]
mod mutants;
mod schedules;
mod shares;
mod tell;

use std::process::ExitCode;

use clap::Parser;

/// Plays stories of the whole controller on virtual time, with faults, from seeds.
#[derive(Parser)]
struct Args {
    /// How many.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Shows what happened in each story that ended badly, or in the only one.
    #[arg(long)]
    log: bool,
    /// Plays every so many-th, for whoever plays the others.
    #[arg(long, hide = true)]
    share: Option<usize>,
    /// Plays until each deliberate bug was noticed, or the one named, with so many seeds at most.
    #[cfg(feature = "mutants")]
    #[arg(long, value_name = "BUG")]
    mutants: Option<Option<String>>,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    // Panics that a story is about are not worth a line each.
    std::panic::set_hook(Box::new(|info| {
        let text = info.payload_as_str().unwrap_or_default();
        if !text.starts_with("an injected panic") {
            eprintln!("{info}");
        }
    }));
    let seeds = args.from..args.from + args.seeds;
    #[cfg(feature = "mutants")]
    match args.mutants {
        Some(Some(name)) => return mutants::hunt_one(&seeds, &name),
        Some(None) => return mutants::hunt(&seeds),
        None => {}
    }
    if let Some(of) = args.share {
        return shares::play_share(seeds, of);
    }
    schedules::play(seeds, args.log)
}
