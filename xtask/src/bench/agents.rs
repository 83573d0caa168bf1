//! Host agents that are stuck.

use super::example;
use super::row::Row;

/// What the engine's own example prints, against our bound.
///
/// # Errors
/// The example fails.
pub fn rows() -> anyhow::Result<Vec<Row>> {
    let output = example::run("limekiln-engine-native", "bench_agents")?;
    let value = example::figure(&output, "silent")?;
    Ok(vec![Row { name: "agents: 100 that never answer", value, unit: "ms", bound: 300.0 }])
}
