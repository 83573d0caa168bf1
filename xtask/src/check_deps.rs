//! `cargo xtask check-deps`: holds the layer rules of the architecture against the real graph.
//!
//! Rules are about normal and build dependencies; tests may reach wider (listed in `rules`).

mod graph;
mod rules;

use anyhow::{Context, bail};

use crate::sh;

/// Compares `cargo metadata` with the rules and prints every edge that breaks one; and whether the
/// fuzz targets, which are a workspace of their own, are locked to what they need.
///
/// # Errors
/// An edge breaks a rule, a member isn't in the table, a lock file is out of date, or cargo fails.
pub fn run() -> anyhow::Result<()> {
    let fuzz = ["--locked", "--manifest-path", "tests/fuzz/Cargo.toml", "--format-version", "1"];
    sh::output(sh::cargo(&["metadata"]).args(fuzz))
        .context("tests/fuzz/Cargo.lock: run `cargo metadata` in its folder to mend it")?;
    let graph = graph::Graph::read()?;
    let broken = rules::check(&graph);
    for line in &broken {
        eprintln!("{line}");
    }
    if !broken.is_empty() {
        bail!("{} dependency rules broken; docs/architecture.md has the table", broken.len());
    }
    println!("dependency rules hold for {} members", graph.members().count());
    Ok(())
}
