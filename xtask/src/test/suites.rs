//! Test programs, some at once.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::time::Instant;
use std::{io, thread};

use anyhow::{Context, bail};
use serde_json::Value;

use super::tally::Tally;
use crate::sh;

/// So many programs run at once. Tests on guests wait for most of their time, and the last ones of
/// a program leave processors idle.
const LANES: usize = 2;
/// What the names of programs that take longest hold. They begin first.
const LONG: [&str; 3] = ["live", "conformance", "scenarios"];

/// A program of tests.
struct Suite {
    name: String,
    command: Command,
}

/// Builds all test programs of the workspace and runs them, with these variables.
///
/// # Errors
/// Something can't be built or started. Tests that fail are in the tally.
pub fn run(variables: &[(&'static str, PathBuf)]) -> anyhow::Result<Tally> {
    let mut suites = build()?;
    let mut documentation = sh::cargo(&["test", "--workspace", "--doc", "--no-fail-fast"]);
    documentation.args(["--", "--show-output"]);
    suites.push(Suite { name: "documentation".to_owned(), command: documentation });
    let is_long = |name: &str| LONG.iter().position(|long| name.contains(long));
    suites.sort_by_key(|suite| is_long(&suite.name).unwrap_or(LONG.len()));
    for suite in &mut suites {
        suite.command.envs(variables.iter().cloned());
    }
    let waiting = Mutex::new(suites.into_iter());
    let tally = Mutex::new(Tally::default());
    let lane = || -> anyhow::Result<()> {
        loop {
            let next = waiting.lock().ok().and_then(|mut waiting| waiting.next());
            let Some(suite) = next else { return Ok(()) };
            suite.run(&tally)?;
        }
    };
    thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES).map(|_| scope.spawn(lane)).collect();
        lanes.into_iter().try_for_each(|lane| match lane.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    tally.into_inner().map_err(|_| anyhow::anyhow!("a lane broke"))
}

/// The programs, as cargo names them.
fn build() -> anyhow::Result<Vec<Suite>> {
    let mut cargo = sh::cargo(&["test", "--workspace", "--no-run", "--quiet"]);
    cargo.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    let Output { stdout, status, .. } = cargo.output().context("cannot run cargo")?;
    if !status.success() {
        bail!("the tests can't be built");
    }
    let lines = stdout.split(|byte| *byte == b'\n');
    Ok(lines.filter_map(|line| suite(&serde_json::from_slice(line).ok()?)).collect())
}

/// The program that one of cargo's messages tells of.
fn suite(message: &Value) -> Option<Suite> {
    let is_test = message["profile"]["test"].as_bool()?;
    let program = message["executable"].as_str().filter(|_| is_test)?;
    let dir = PathBuf::from(message["manifest_path"].as_str()?).parent()?.to_owned();
    let target = message["target"]["name"].as_str()?;
    let package = dir.file_name()?.to_string_lossy().into_owned();
    let mut command = Command::new(program);
    // As cargo does.
    command.arg("--show-output").current_dir(&dir).env("CARGO_MANIFEST_DIR", &dir);
    Some(Suite { name: format!("{package}: {target}"), command })
}

impl Suite {
    fn run(mut self, tally: &Mutex<Tally>) -> anyhow::Result<()> {
        let begun = Instant::now();
        let output = self.command.stdin(Stdio::null()).output();
        let output = output.with_context(|| format!("cannot run {}", self.name))?;
        let mut tally = tally.lock().map_err(|_| io::Error::other("the other lane broke"))?;
        println!("\n{} ({} s)", self.name, begun.elapsed().as_secs());
        let before = tally.failed;
        for text in [&output.stdout, &output.stderr] {
            for line in String::from_utf8_lossy(text).lines().filter(|line| !line.is_empty()) {
                if tally.read(line) {
                    println!("{line}");
                }
            }
        }
        if !output.status.success() && tally.failed == before {
            println!("{} ended with {}", self.name, output.status);
            tally.failed += 1;
        }
        Ok(())
    }
}
