//! Whether deliberate bugs are noticed.

use std::env;
use std::ops::Range;
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::thread;

use limekiln_api::mutant::{Mutant, switch_on};
use limekiln_simulation::check;
use limekiln_simulation::story::Story;

use crate::schedules;

/// Of 100 bugs so many must be noticed.
const ENOUGH: usize = 95;
/// How a process ends that did not notice its bug; others end so that cannot tell.
const UNNOTICED: u8 = 3;

/// Plays the schedules with one deliberate bug after the other until it is noticed, as many bugs at
/// once as there are processors.
pub fn hunt(seeds: &Range<u64>) -> anyhow::Result<ExitCode> {
    let queue = Mutex::new(Mutant::ALL.into_iter());
    let next = || queue.lock().expect("nobody panics while holding this").next();
    let work = || -> anyhow::Result<usize> {
        let mut noticed = 0;
        while let Some(mutant) = next() {
            noticed += usize::from(alone(mutant, seeds)?);
        }
        Ok(noticed)
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let noticed = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let counts = threads.into_iter().map(|thread| thread.join().expect("it does not panic"));
        counts.sum::<anyhow::Result<usize>>()
    })?;
    let all = Mutant::ALL.len();
    println!("{noticed} of {all} deliberate bugs were noticed, each by the schedule named");
    let enough = noticed * 100 >= all * ENOUGH;
    Ok(if enough { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The bug is that of a whole process: one for each. Whether it was noticed; an error if that
/// can't be told, since a schedule ends badly anyway.
fn alone(mutant: Mutant, seeds: &Range<u64>) -> anyhow::Result<bool> {
    let mut command = Command::new(env::current_exe()?);
    command.args(["--mutants", &format!("{mutant:?}")]);
    command.args(["--from", &seeds.start.to_string()]);
    command.args(["--seeds", &(seeds.end - seeds.start).to_string()]);
    let status = command.status()?;
    match status.code() {
        Some(0) => Ok(true),
        Some(code) if code == i32::from(UNNOTICED) => Ok(false),
        _ => anyhow::bail!("the hunt for {mutant:?} ended with {status}"),
    }
}

/// Switches the bug of that name on, and plays until it is noticed.
pub fn hunt_one(seeds: &Range<u64>, name: &str) -> anyhow::Result<ExitCode> {
    let named = |mutant: &Mutant| format!("{mutant:?}") == name;
    let mutant = Mutant::ALL.into_iter().find(named);
    let mutant = mutant.ok_or_else(|| anyhow::anyhow!("there is no such deliberate bug"))?;
    for seed in by_turns(seeds) {
        switch_on(Some(mutant));
        let verdict = schedules::one(seed)?;
        switch_on(None);
        if let Some(wrong) = verdict.wrong.first() {
            // One that ends badly anyway notices nothing.
            let well = check(seed)?.wrong.is_empty();
            anyhow::ensure!(well, "seed {seed} ends badly without any deliberate bug");
            let wrong: String = wrong.chars().take(80).collect();
            println!("{name:<26} {seed:>5}  {wrong}");
            return Ok(ExitCode::SUCCESS);
        }
    }
    println!("{name:<26} not noticed");
    Ok(ExitCode::from(UNNOTICED))
}

/// Every other story is about one thing, as long as there are such: they are short, and each was
/// written for a bug.
fn by_turns(seeds: &Range<u64>) -> Vec<u64> {
    let (short, long): (Vec<_>, Vec<_>) = seeds.clone().partition(|seed| Story::of(*seed).is_short);
    let (mut short, mut long) = (short.into_iter(), long.into_iter());
    seeds
        .clone()
        .filter_map(|_| {
            std::mem::swap(&mut short, &mut long);
            short.next().or_else(|| long.next())
        })
        .collect()
}
