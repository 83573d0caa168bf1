//! Figures that a crate's own example measures and prints as JSON lines.

use anyhow::Context;
use serde_json::Value;

use crate::sh;

/// Runs the example, optimised; returns what it printed.
///
/// # Errors
/// It fails.
pub fn run(package: &str, example: &str) -> anyhow::Result<String> {
    let arguments = ["run", "--release", "--quiet", "--package", package, "--example", example];
    sh::output(&mut sh::cargo(&arguments))
}

/// The value of the row whose name contains the word.
///
/// # Errors
/// There is none.
pub fn figure(output: &str, word: &str) -> anyhow::Result<f64> {
    let rows = output.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut named = rows.filter(|row| row["name"].as_str().is_some_and(|name| name.contains(word)));
    named
        .next()
        .and_then(|row| row["value"].as_f64())
        .with_context(|| format!("the example prints no {word}"))
}
