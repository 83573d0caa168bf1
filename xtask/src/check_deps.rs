//! `cargo xtask check-deps`: holds the layer rules of the architecture against the real graph.
//!
//! Rules are about normal and build dependencies; tests may reach wider (listed in `rules`).

mod graph;
mod rules;

use anyhow::bail;

/// Compares `cargo metadata` with the rules and prints every edge that breaks one.
///
/// # Errors
/// An edge breaks a rule, a member isn't in the table, or cargo fails.
pub fn run() -> anyhow::Result<()> {
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
