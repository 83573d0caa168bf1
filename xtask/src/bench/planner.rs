//! The planner alone, on 10,000 instances.

use anyhow::Context;
use serde_json::Value;

use super::row::Row;
use crate::sh;

/// What the planner's own example prints, against our bounds.
///
/// # Errors
/// The example fails.
pub fn rows() -> anyhow::Result<Vec<Row>> {
    let arguments =
        ["run", "--release", "--quiet", "--package", "limekiln-planner", "--example", "bench_plan"];
    let output = sh::output(&mut sh::cargo(&arguments))?;
    Ok(vec![
        Row {
            name: "planner: 10,000 unchanged",
            value: figure(&output, "unchanged")?,
            unit: "ms",
            bound: 100.0,
        },
        Row {
            name: "planner: 10,000 creations",
            value: figure(&output, "creations")?,
            unit: "ms",
            bound: 500.0,
        },
    ])
}

/// The value of the row whose name contains the word.
fn figure(output: &str, word: &str) -> anyhow::Result<f64> {
    let rows = output.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut named = rows.filter(|row| row["name"].as_str().is_some_and(|name| name.contains(word)));
    named
        .next()
        .and_then(|row| row["value"].as_f64())
        .with_context(|| format!("the example prints no {word}"))
}
