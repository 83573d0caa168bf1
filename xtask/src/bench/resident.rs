//! A controller that stays, with 1,000 instances.

use super::example;
use super::row::Row;

/// What the program's own example prints, against our bounds: a look at which nothing is new, and
/// the time from the end of the quiet window after a manifest was renamed to its place until the
/// plan is there.
///
/// # Errors
/// The example fails.
pub fn rows() -> anyhow::Result<Vec<Row>> {
    let output = example::run("limekiln-cli", "bench_resident")?;
    let row = |name, word, bound| -> anyhow::Result<Row> {
        Ok(Row { name, value: example::figure(&output, word)?, unit: "ms", bound })
    };
    Ok(vec![
        row("resident: nothing new, 1,000", "nothing new, p50", 5.0)?,
        row("resident: renamed in, p50", "old file, p50", 5.0)?,
        row("resident: renamed in, p99", "old file, p99", 20.0)?,
        row("resident: written, renamed in, p50", "new file, p50", 5.0)?,
        row("resident: written, renamed in, p99", "new file, p99", 20.0)?,
    ])
}
