//! Mounting and unmounting a host directory on a running VM.

use std::time::Instant;

use super::home::{Home, instance, tiny_template};
use super::row::Row;
use crate::workspace;

const RUNS: usize = 5;

/// The whole command, from its start until the directory is in the guest, or no more.
///
/// # Errors
/// The guest doesn't boot or mount.
pub fn rows() -> anyhow::Result<Vec<Row>> {
    let home = Home::new()?;
    let shared = tempfile::tempdir()?;
    let entry = |point: &str| {
        format!(
            "    - {{location: {:?}, mountPoint: {point}}}\n",
            shared.path().display().to_string()
        )
    };
    let (one, two) = (entry("/mnt/one"), entry("/mnt/two"));
    apply(&home, &one)?;
    let (mut mounts, mut unmounts) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        mounts.push(apply(&home, &format!("{one}{two}"))?);
        home.run(&["shell", "mounts", "test", "-d", "/mnt/two/."])?;
        unmounts.push(apply(&home, &one)?);
    }
    let row = |name, times: &mut [f64]| {
        times.sort_by(f64::total_cmp);
        Row { name, value: times[times.len() / 2], unit: "ms", bound: 1000.0 }
    };
    Ok(vec![
        row("mounts: mount on a running VM", &mut mounts),
        row("mounts: unmount on a running VM", &mut unmounts),
    ])
}

/// Applies the instance with these mounts; returns the milliseconds that took.
fn apply(home: &Home, mounts: &str) -> anyhow::Result<f64> {
    let guest = workspace::target().join("guest/tiny-x86_64");
    let template =
        format!("{}    mountType: reverse-sshfs\n    mounts:\n{mounts}", tiny_template(&guest));
    let manifest = home.write("mounts.yaml", &instance("mounts", "Always", &template))?;
    let start = Instant::now();
    home.run(&["apply", "-f", &manifest.display().to_string(), "--yes"])?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}
