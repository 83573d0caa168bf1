//! Many schedules, on all processors.

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use limekiln_simulation::story::Fault;
use limekiln_simulation::{Verdict, check};

use crate::tell::tell;

/// Plays them, tells what ended badly, and which faults there were.
pub fn play(seeds: Range<u64>, log: bool) -> anyhow::Result<ExitCode> {
    let (begun, single) = (Instant::now(), seeds.end - seeds.start == 1);
    let verdicts = all(seeds, |_| true)?;
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

/// Plays them in any order until `go_on` says no of a verdict; sorted by seed.
pub fn all(
    seeds: Range<u64>,
    go_on: impl Fn(&Verdict) -> bool + Sync,
) -> anyhow::Result<Vec<Verdict>> {
    let next = AtomicU64::new(seeds.start);
    let verdicts = Mutex::new(Vec::new());
    let work = || -> anyhow::Result<()> {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return Ok(());
            }
            // A check of a debug build that does not hold is as bad as any other end.
            let played = catch_unwind(AssertUnwindSafe(|| check(seed)));
            let verdict = played.unwrap_or_else(|_| Ok(Verdict::panicked(seed)))?;
            if !go_on(&verdict) {
                next.store(seeds.end, Ordering::Relaxed);
            }
            verdicts.lock().expect("nobody panics while holding this").push(verdict);
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("panics were caught"))
    })?;
    let mut verdicts = verdicts.into_inner().expect("nobody panics while holding this");
    verdicts.sort_by_key(|verdict| verdict.seed);
    Ok(verdicts)
}
