//! The planner alone, on 10,000 instances.

use super::example;
use super::row::Row;

/// What the planner's own example prints, against our bounds.
///
/// # Errors
/// The example fails.
pub fn rows() -> anyhow::Result<Vec<Row>> {
    let output = example::run("limekiln-planner", "bench_plan")?;
    Ok(vec![
        Row {
            name: "planner: 10,000 unchanged",
            value: example::figure(&output, "unchanged")?,
            unit: "ms",
            bound: 100.0,
        },
        Row {
            name: "planner: 10,000 creations",
            value: example::figure(&output, "creations")?,
            unit: "ms",
            bound: 500.0,
        },
    ])
}
