//! 10,000 instances on the simulated engine.

use super::example;
use super::row::Row;

/// What the reconciler's own example prints, against our bounds.
///
/// # Errors
/// The example fails.
pub fn rows() -> anyhow::Result<Vec<Row>> {
    let output = example::run("limekiln-reconciler", "bench_fleet")?;
    Ok(vec![
        Row {
            name: "fleet: 10,000 from nothing to Ready",
            value: example::figure(&output, "converge")?,
            unit: "s",
            bound: 10.0,
        },
        Row {
            name: "fleet: memory, the world included",
            value: example::figure(&output, "memory")?,
            unit: "MiB",
            bound: 200.0,
        },
    ])
}
