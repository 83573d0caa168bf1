//! How well the executor spreads work over its slots.

use super::example;
use super::row::Row;

/// What the executor's own example prints, against our bound.
///
/// # Errors
/// The example fails.
pub fn rows() -> anyhow::Result<Vec<Row>> {
    let output = example::run("limekiln-executor", "bench_makespan")?;
    let row = |name, word| -> anyhow::Result<Row> {
        Ok(Row { name, value: example::figure(&output, word)?, unit: "×", bound: 1.1 })
    };
    Ok(vec![
        row("makespan: random jobs, mean", "jobs, mean")?,
        row("makespan: random instances, mean", "instances, mean")?,
    ])
}
