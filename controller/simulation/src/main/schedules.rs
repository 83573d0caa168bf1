//! Many schedules, on all processors.

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use limekiln_simulation::story::Fault;
use limekiln_simulation::{Verdict, check};

use crate::shares;
use crate::tell::tell;

/// Plays them, tells what ended badly, and which faults there were.
pub fn play(seeds: Range<u64>, log: bool) -> anyhow::Result<ExitCode> {
    let (begun, single) = (Instant::now(), seeds.end - seeds.start == 1);
    let verdicts = if single { vec![one(seeds.start)?] } else { shares::play(seeds)? };
    let bad = verdicts.iter().filter(|verdict| !verdict.wrong.is_empty());
    let shown = |verdict: &&Verdict| !verdict.wrong.is_empty() || (single && log);
    verdicts.iter().filter(shown).for_each(|verdict| tell(verdict, log));
    let mut fired = BTreeMap::<Fault, u64>::new();
    for fault in verdicts.iter().flat_map(|verdict| &verdict.fired) {
        *fired.entry(*fault).or_default() += 1;
    }
    for (fault, times) in &fired {
        println!("{times:>7}  {fault:?}");
    }
    let (bad, time) = (bad.count(), begun.elapsed().as_secs_f64());
    let actions: usize = verdicts.iter().map(|verdict| verdict.actions).sum();
    let (count, kinds) = (verdicts.len(), fired.len());
    println!("{count} schedules, {actions} actions, {kinds} kinds of faults, {time:.0} s");
    let never: Vec<_> = Fault::ALL.iter().filter(|fault| !fired.contains_key(fault)).collect();
    // A kind that never happens would pass for one that is survived.
    if !never.is_empty() && count >= 1_000 {
        println!("never happened: {never:?}");
        return Ok(ExitCode::FAILURE);
    }
    println!("{bad} ended badly");
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Plays one. A check of a debug build that does not hold is as bad as any other end.
pub fn one(seed: u64) -> anyhow::Result<Verdict> {
    let played = catch_unwind(AssertUnwindSafe(|| check(seed)));
    played.unwrap_or_else(|_| Ok(Verdict::panicked(seed)))
}
