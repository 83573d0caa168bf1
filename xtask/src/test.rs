//! `cargo xtask test`: every test, those on real VMs included, from a clean machine.

mod suites;
mod tally;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, bail};

use crate::guest::{Arch, containerd, tiny};
use crate::{guestagent, setup, sh, workspace};
use suites::Suite;
use tally::Tally;

/// What to leave out, and what to hand on.
#[derive(clap::Args)]
pub struct Args {
    /// Leave out the tests on the full Debian image.
    #[arg(long)]
    no_full: bool,
    /// Arguments for `cargo test` in place of `--workspace`, such as `-p limekiln-hostagent`.
    #[arg(last = true)]
    cargo: Vec<String>,
}

/// Sets up, builds the guests and the binary, runs the tests, and ends with the counts.
///
/// # Errors
/// A test fails, or something can't be built. A guest that can't be built here (no apt) is no
/// error: its tests skip and are counted so.
pub fn run(args: &Args) -> anyhow::Result<()> {
    setup::run(true)?;
    let guests = guests(args);
    let (suites, agent) = if args.cargo.is_empty() {
        sh::timed("building limekiln, its tests and the guest agent", all)?
    } else {
        let mut build = sh::cargo(&["build", "--package", "limekiln-cli"]);
        sh::logged("building limekiln", "build", &mut build)?;
        (Vec::new(), sh::timed("building the guest agent", guestagent::build_native)?)
    };
    let mut variables = guests;
    variables.push(("LIMEKILN_GUESTAGENT", agent));
    variables.push(("LIMEKILN_BIN", workspace::target().join("debug/limekiln")));
    let tally = if args.cargo.is_empty() {
        suites::run(suites, &variables)?
    } else {
        some(&args.cargo, variables)?
    };
    println!("\n{tally}");
    if tally.failed > 0 {
        bail!("tests failed");
    }
    Ok(())
}

/// Builds everything. The guest agent is linked for a minute on one processor: beside the others.
fn all() -> anyhow::Result<(Vec<Suite>, PathBuf)> {
    thread::scope(|scope| {
        let agent = scope.spawn(guestagent::build_native);
        let suites = suites::build();
        let agent = agent.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok((suites?, agent?))
    })
}

/// Runs what `cargo test` makes of these arguments.
fn some(arguments: &[String], variables: Vec<(&'static str, PathBuf)>) -> anyhow::Result<Tally> {
    let mut command = sh::cargo(&["test", "--no-fail-fast"]);
    command.args(arguments).args(["--", "--show-output"]).envs(variables);
    let (mut tally, success) = watch(&mut command)?;
    // Something that did not come to its tests.
    if !success && tally.failed == 0 {
        tally.failed = 1;
    }
    Ok(tally)
}

/// Builds the guests; returns the variables that tell the tests where they are.
fn guests(args: &Args) -> Vec<(&'static str, PathBuf)> {
    let mut found = Vec::new();
    match [Arch::X86_64, Arch::Aarch64]
        .into_iter()
        .try_for_each(|arch| tiny::build(arch, false).map(drop))
        .and_then(|()| tiny::build_generic(false).map(drop))
        .and_then(|()| tiny::build_openrc(false).map(drop))
    {
        Ok(()) => found.push(("LIMEKILN_TEST_GUEST", workspace::target().join("guest"))),
        Err(error) => println!("test: no tiny guests, tests on them skip: {error:#}"),
    }
    if !args.no_full {
        if let Err(error) = containerd::build(false) {
            println!("test: no containerd, tests of it skip: {error:#}");
        }
        match crate::guest::full::build(false) {
            Ok(image) => found.push(("LIMEKILN_TEST_FULL", image)),
            Err(error) => println!("test: no full guest, tests on it skip: {error:#}"),
        }
    }
    found
}

/// Runs `cargo test`, passing on what it prints except the output of tests that passed.
fn watch(command: &mut Command) -> anyhow::Result<(Tally, bool)> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot run cargo")?;
    let mut tally = Tally::default();
    let output = child.stdout.take().context("cargo has no output")?;
    for line in BufReader::new(output).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        if tally.read(&line) {
            println!("{line}");
        }
    }
    Ok((tally, child.wait()?.success()))
}
