//! What a port forward costs beside a raw relay with as many hops, and what the guest agent takes.

use super::example::figure;
use super::row::Row;
use crate::{guestagent, sh};

/// Measured by the host agent's example with the real, static guest agent.
///
/// # Errors
/// Something can't be built, or a figure is missing.
pub fn rows() -> anyhow::Result<Vec<Row>> {
    let agent = guestagent::build_native()?;
    let words = ["run", "--release", "--quiet", "--package", "limekiln-hostagent"];
    let mut cargo = sh::cargo(&words);
    cargo.args(["--example", "bench_forwards"]).env("LIMEKILN_GUESTAGENT", agent);
    let output = sh::output(&mut cargo)?;
    let row = |name, word, unit, bound| {
        Ok::<_, anyhow::Error>(Row { name, value: figure(&output, word)?, unit, bound })
    };
    // Without a bound: the relay's hops are in it, and how quick they are is the machine's.
    let direct = figure(&output, "latency")?;
    eprintln!("forwards: latency over a direct connection: {direct:.1} µs");
    // At least 70 % of the relay's throughput: it is at most 1 / 0.7 times as quick.
    Ok(vec![
        row("forwards: relay / upload", "upload", "×", 1.0 / 0.7)?,
        row("forwards: relay / download", "download", "×", 1.0 / 0.7)?,
        row("forwards: latency over relay", "over relay", "µs", 60.0)?,
        row("forwards: guest agent, private", "memory", "MiB", 4.0)?,
        row("forwards: the same after load", "after load", "MiB", 4.0)?,
        row("forwards: guest agent, idle", "idle", "%", 0.2)?,
    ])
}
