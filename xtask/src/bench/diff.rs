//! `limekiln diff` where nothing changed: the whole process.

use std::fs;
use std::path::Path;
use std::time::Instant;

use super::home::{Home, instance};
use super::row::Row;

const RUNS: usize = 15;

/// One instance, and a thousand.
///
/// # Errors
/// limekiln fails.
pub fn rows() -> anyhow::Result<Vec<Row>> {
    Ok(vec![
        Row { name: "diff of 1 instance", value: unchanged(1)?, unit: "ms", bound: 40.0 },
        Row {
            name: "diff of 1,000 stopped instances",
            value: unchanged(1_000)?,
            unit: "ms",
            bound: 150.0,
        },
    ])
}

/// Milliseconds, the median. The instances are made by limekiln itself, from an empty raw image.
fn unchanged(count: usize) -> anyhow::Result<f64> {
    let home = Home::new()?;
    let image = home.manifests().with_file_name("image.raw");
    fs::File::create(&image)?.set_len(1 << 20)?;
    for number in 0..count {
        home.write(
            &format!("vm{number}.yaml"),
            &instance(&format!("vm{number}"), "Halted", &template(&image)),
        )?;
    }
    let manifests = home.manifests().display().to_string();
    home.run(&["apply", "-f", &manifests, "--yes"])?;
    home.run(&["diff", "-f", &manifests, "--exit-code"])?;
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let start = Instant::now();
        home.run(&["diff", "-f", &manifests])?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[RUNS / 2])
}

/// As long as a usual template, so that reading it takes as long.
fn template(image: &Path) -> String {
    let script =
        (0..30).map(|line| format!("        echo line {line} of the set-up\n")).collect::<String>();
    format!(
        "    vmType: qemu\n    cpus: 2\n    memory: 512MiB\n    disk: 1MiB\n    images:\n    - location: {}\n    provision:\n    - mode: system\n      script: |\n        #!/bin/sh\n        echo $PARAM_ONE $PARAM_TWO\n{script}    probes:\n    - description: it is up\n      script: |\n        #!/bin/sh\n        true\n    param: {{ONE: a, TWO: b}}\n",
        image.display()
    )
}
