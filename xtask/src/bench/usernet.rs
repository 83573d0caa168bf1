//! What the network daemon moves with a core, beside a raw relay and libslirp, and what it takes
//! when idle.

use super::example::figure;
use super::row::Row;
use crate::{sh, workspace};

/// Measured by the daemon's example with the real program.
///
/// # Errors
/// Something can't be built, or a figure is missing.
pub fn rows() -> anyhow::Result<Vec<Row>> {
    let words = ["run", "--release", "--quiet", "--package", "limekiln-usernet"];
    let mut cargo = sh::cargo(&words);
    let program = workspace::target().join("release/limekiln");
    cargo.args(["--example", "bench_usernet"]).env("LIMEKILN", program);
    let output = sh::output(&mut cargo)?;
    // Time of a core per gigabit; the bound is as many gigabits per second.
    let time = |name, word, least: f64| {
        let value = 1000.0 / figure(&output, word)?;
        Ok::<_, anyhow::Error>(Row { name, value, unit: "ms/Gbit", bound: 1000.0 / least })
    };
    let mut rows = vec![
        time("usernet: VM to VM, MTU 1500", "switch", 8.0)?,
        time("usernet: guest to host, MTU 1500", "up 1500", 4.0)?,
        time("usernet: host to guest, MTU 1500", "down 1500", 4.0)?,
        time("usernet: guest to host, MTU 65520", "up 65520", 8.0)?,
        time("usernet: host to guest, MTU 65520", "down 65520", 8.0)?,
    ];
    let over = |name, other, ours, bound| {
        let value = figure(&output, other)? / figure(&output, ours)?;
        Ok::<_, anyhow::Error>(Row { name, value, unit: "×", bound })
    };
    rows.push(over("usernet: VM to VM over a raw relay", "relay", "switch", 2.0)?);
    if output.contains("slirp") {
        rows.push(over("usernet: guest to host over libslirp", "slirp up", "up 1500", 0.5)?);
        rows.push(over("usernet: host to guest over libslirp", "slirp down", "down 1500", 0.5)?);
    }
    let plain = |name, word, unit, bound| {
        Ok::<_, anyhow::Error>(Row { name, value: figure(&output, word)?, unit, bound })
    };
    rows.push(plain("usernet: 10 idle VMs, private", "idle private", "MiB", 12.0)?);
    rows.push(plain("usernet: 10 idle VMs, wake-ups", "idle wake-ups", "1/s", 1.0)?);
    Ok(rows)
}
