//! Manifests: reading them, and refusing hostile ones.

use super::example;
use super::row::Row;

/// What the example of `limekiln-api` prints, against our bounds.
///
/// # Errors
/// The example fails.
pub fn rows() -> anyhow::Result<Vec<Row>> {
    let output = example::run("limekiln-api", "bench_manifests")?;
    Ok(vec![
        Row {
            name: "manifests: 1,000 to the plan",
            value: example::figure(&output, "1,000")?,
            unit: "ms",
            bound: 300.0,
        },
        Row {
            name: "manifests: slowest hostile file",
            value: example::figure(&output, "slowest")?,
            unit: "ms",
            bound: 20.0,
        },
        Row {
            name: "manifests: memory of a hostile file",
            value: example::figure(&output, "memory")?,
            unit: "MiB",
            bound: 16.0,
        },
    ])
}
