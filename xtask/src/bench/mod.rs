//! `cargo xtask bench [NAME…]`: what we promise about speed and size, measured.
//!
//! One row per figure. Absolute figures depend on the machine; comparisons (boot against bare
//! QEMU) are made side by side in one run.

mod agent;
mod agents;
mod boot;
mod controller;
mod diff;
mod example;
mod fleet;
mod forwards;
mod free_ports;
mod home;
mod makespan;
mod manifests;
mod mounts;
mod opener;
mod planner;
mod played;
mod ports;
mod resident;
mod row;
mod usernet;

use anyhow::bail;

use crate::guest::{Arch, tiny};
use crate::{guestagent, sh};
use row::Row;

/// Which figures, and how they are printed.
#[derive(clap::Args)]
pub struct Args {
    /// Only figures whose name contains one of these.
    names: Vec<String>,
    /// One JSON object per line.
    #[arg(long)]
    json: bool,
}

/// A figure's group: the start of its rows' names, and how they are measured.
type Group = (&'static str, fn() -> anyhow::Result<Vec<Row>>);

const GROUPS: [Group; 14] = [
    ("manifests", manifests::rows),
    ("planner", planner::rows),
    ("makespan", makespan::rows),
    ("diff", diff::rows),
    ("agents", agents::rows),
    ("resident", resident::rows),
    ("fleet", fleet::rows),
    ("boot", boot::rows),
    ("forwards", forwards::rows),
    ("ports", ports::rows),
    ("hostagent", agent::rows),
    ("mounts", mounts::rows),
    ("controller", controller::rows),
    ("usernet", usernet::rows),
];

/// Measures and prints; builds what it needs, optimised.
///
/// # Errors
/// Something can't be built or run, or a figure falls short of its bound.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let wanted = |name: &str| {
        args.names.is_empty()
            || args.names.iter().any(|part| name.contains(part.as_str()) || part.starts_with(name))
    };
    build()?;
    let mut short = 0;
    for (_, measure) in GROUPS.into_iter().filter(|(name, _)| wanted(name)) {
        for row in measure()? {
            if args.names.is_empty()
                || args.names.iter().any(|part| row.name.contains(part.as_str()))
            {
                short += usize::from(!row.held());
                println!("{}", if args.json { row.json() } else { row.to_string() });
            }
        }
    }
    if short > 0 {
        bail!("{short} figures fall short");
    }
    Ok(())
}

fn build() -> anyhow::Result<()> {
    sh::run(&mut sh::cargo(&["build", "--release", "--quiet", "--package", "limekiln-cli"]))?;
    guestagent::build_native()?;
    tiny::build(Arch::X86_64, false).map(drop)
}
