//! Schedules on all processors, each share in a process of its own.
//!
//! A program that a story starts holds, for a moment, all that its process has open, and so the
//! locks of other stories' homes. In threads, a story with a repository would have to be played
//! while all others wait.

use std::env;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::process::{Command, ExitCode, Stdio};
use std::thread;

use anyhow::{Context, ensure};
use limekiln_simulation::Verdict;

use crate::schedules;

/// Plays them in as many processes as there are processors; sorted by seed.
pub fn play(seeds: Range<u64>) -> anyhow::Result<Vec<Verdict>> {
    let shares = thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let mut children = Vec::new();
    for share in 0..shares {
        let mut command = Command::new(env::current_exe()?);
        command.args(["--from", &(seeds.start + share).to_string()]);
        command.args(["--seeds", &(seeds.end - seeds.start).saturating_sub(share).to_string()]);
        command.args(["--share", &shares.to_string()]).stdout(Stdio::piped());
        children.push(command.spawn()?);
    }
    let mut verdicts = Vec::new();
    for mut child in children {
        // Each writes all that it has at its end.
        let mut text = String::new();
        child.stdout.take().context("it is piped")?.read_to_string(&mut text)?;
        ensure!(child.wait()?.success(), "a share of the schedules could not be played");
        verdicts.extend(serde_json::from_str::<Vec<Verdict>>(&text)?);
    }
    verdicts.sort_by_key(|verdict| verdict.seed);
    Ok(verdicts)
}

/// Plays every so many-th, and writes what came out for whoever started this. What is told of one
/// that ended well is nothing.
pub fn play_share(seeds: Range<u64>, of: usize) -> anyhow::Result<ExitCode> {
    let mut verdicts = Vec::new();
    for seed in seeds.step_by(of) {
        let mut verdict = schedules::one(seed)?;
        if verdict.wrong.is_empty() {
            verdict.log.clear();
        }
        verdicts.push(verdict);
    }
    io::stdout().write_all(&serde_json::to_vec(&verdicts)?)?;
    Ok(ExitCode::SUCCESS)
}
