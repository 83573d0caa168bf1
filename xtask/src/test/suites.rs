//! Test programs, two at once.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::time::Instant;
use std::{io, thread};

use anyhow::{Context, bail};
use serde_json::Value;

use super::tally::Tally;
use crate::sh;

/// What the names of programs that start guests hold. Two of them at once would have more guests
/// than boot in time.
const ON_GUESTS: [&str; 2] = ["live", "engine-native: conformance"];

/// A program of tests.
pub struct Suite {
    name: String,
    command: Command,
}

/// Runs them, and the examples of the documentation, with these variables.
///
/// # Errors
/// Something can't be started. Tests that fail are in the tally.
pub fn run(mut suites: Vec<Suite>, variables: &[(&'static str, PathBuf)]) -> anyhow::Result<Tally> {
    let mut documentation = sh::cargo(&["test", "--workspace", "--doc", "--no-fail-fast"]);
    documentation.args(["--", "--show-output"]);
    suites.push(Suite { name: "documentation".to_owned(), command: documentation });
    for suite in &mut suites {
        suite.command.envs(variables.iter().cloned());
    }
    let on_guests = |suite: &Suite| ON_GUESTS.iter().any(|part| suite.name.contains(part));
    let (guests, others): (Vec<_>, Vec<_>) = suites.into_iter().partition(on_guests);
    let guests = guests.into_iter().map(Suite::with_a_thread_more).collect();
    let (guests, others) = (Mutex::new(guests), Mutex::new(others));
    let tally = Mutex::new(Tally::default());
    thread::scope(|scope| {
        // Guests leave processors idle now and then, and the others fill that.
        let beside = scope.spawn(|| run_all(&others, &tally));
        run_all(&guests, &tally)?;
        run_all(&others, &tally)?;
        beside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    tally.into_inner().map_err(|_| anyhow::anyhow!("a test program broke"))
}

/// Runs one after the other until there are none.
fn run_all(waiting: &Mutex<Vec<Suite>>, tally: &Mutex<Tally>) -> anyhow::Result<()> {
    loop {
        let next = waiting.lock().ok().and_then(|mut waiting| waiting.pop());
        let Some(suite) = next else { return Ok(()) };
        suite.run(tally)?;
    }
}

/// Builds all test programs of the workspace, and limekiln with them: by itself it would have other
/// features of its dependencies, and these would be built twice.
///
/// # Errors
/// Something can't be built.
pub fn build() -> anyhow::Result<Vec<Suite>> {
    let mut cargo = sh::cargo(&["build", "--workspace", "--bins", "--tests", "--quiet"]);
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
    /// A test on a guest waits for most of its time: one more than there are processors.
    fn with_a_thread_more(mut self) -> Self {
        if std::env::var_os("RUST_TEST_THREADS").is_none() {
            let threads = thread::available_parallelism().map_or(2, |count| count.get() + 1);
            self.command.env("RUST_TEST_THREADS", threads.to_string());
        }
        self
    }

    fn run(mut self, tally: &Mutex<Tally>) -> anyhow::Result<()> {
        let begun = Instant::now();
        let output = self.command.stdin(Stdio::null()).output();
        let output = output.with_context(|| format!("cannot run {}", self.name))?;
        let mut tally = tally.lock().map_err(|_| io::Error::other("a test program broke"))?;
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
