//! `cargo xtask fuzz [NAME…]`: fuzz targets in tests/fuzz, for a bounded time each.
//!
//! libFuzzer with the stable compiler: coverage instrumentation is an LLVM pass, and only the
//! address sanitizer would need a nightly one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::setup;
use crate::{sh, workspace};

/// What libFuzzer needs to see which branches an input takes.
const INSTRUMENTATION: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

/// Targets whose names begin so are built only when they are asked for.
const FEATURES: [&str; 2] = ["guest", "usernet"];

/// Which targets, and how long.
#[derive(clap::Args)]
pub struct Args {
    /// Only these; all unless given.
    names: Vec<String>,
    /// How long each target runs.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

/// Builds the targets and runs each from its corpus.
///
/// # Errors
/// A target can't be built, crashes, hangs for 5 seconds, or takes more than 1 GiB.
pub fn run(args: &Args) -> anyhow::Result<()> {
    setup::compiler()?;
    let known = targets()?;
    if let Some(unknown) = args.names.iter().find(|name| !known.contains(name)) {
        bail!("there is no fuzz target {unknown}; there are {}", known.join(", "));
    }
    let chosen = known.iter().filter(|name| args.names.is_empty() || args.names.contains(name));
    let features: Vec<_> = FEATURES
        .into_iter()
        .filter(|one| chosen.clone().any(|name| name.starts_with(one)))
        .collect();
    let bin = build(&features)?;
    for name in chosen {
        fuzz(&bin.join(name), name, args.seconds)?;
    }
    Ok(())
}

/// The targets' names: their files.
fn targets() -> anyhow::Result<Vec<String>> {
    let dir = folder().join("fuzz_targets");
    let files = fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let stem = |path: PathBuf| Some(path.file_stem()?.to_str()?.to_owned());
    let mut names: Vec<_> = files.flatten().filter_map(|file| stem(file.path())).collect();
    names.sort();
    Ok(names)
}

fn folder() -> PathBuf {
    workspace::root().join("tests/fuzz")
}

/// Builds the targets; returns the folder that they are in.
fn build(features: &[&str]) -> anyhow::Result<PathBuf> {
    // With a target named, build scripts and macros are not instrumented.
    let host = host_triple()?;
    let target = workspace::target().join("fuzz");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    println!("fuzz: building the targets with instrumentation");
    sh::run(
        Command::new(cargo)
            .args(["build", "--release", "--quiet", "--locked", "--target", &host, "--target-dir"])
            .arg(&target)
            .arg(format!("--features={}", features.join(",")))
            .current_dir(folder())
            .env("RUSTFLAGS", INSTRUMENTATION),
    )?;
    Ok(target.join(host).join("release"))
}

fn host_triple() -> anyhow::Result<String> {
    let version = sh::output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc does not tell its host")
}

/// The templates of the corpus test are seeds, too, where a whole file is read.
fn templates(name: &str) -> Option<PathBuf> {
    let reads = ["manifest", "compose"].contains(&name);
    reads.then(|| workspace::root().join("tests/corpus"))
}

/// What it finds goes to the target folder; the corpus in the repository stays as it is.
fn fuzz(program: &Path, name: &str, seconds: u32) -> anyhow::Result<()> {
    let work = workspace::target().join("fuzz/work").join(name);
    let (found, artifacts) = (work.join("corpus"), work.join("artifacts"));
    fs::create_dir_all(&found)?;
    fs::create_dir_all(&artifacts)?;
    let output = Command::new(program)
        .arg(format!("-max_total_time={seconds}"))
        .args(["-timeout=5", "-rss_limit_mb=1024", "-max_len=8192", "-print_final_stats=1"])
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args([&found, &folder().join("corpus").join(name)])
        .args(templates(name))
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let log = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        let tail: Vec<_> = log.lines().rev().take(40).collect();
        let tail: Vec<_> = tail.into_iter().rev().collect();
        bail!(
            "{name} found a fault; run {} with the file below\n{}",
            program.display(),
            tail.join("\n")
        );
    }
    let runs = log.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    println!("fuzz: {name} held for {seconds} s, {} runs", runs.unwrap_or("?").trim());
    Ok(())
}
