//! Whether deliberate bugs are noticed.

use std::ops::Range;
use std::process::ExitCode;

use limekiln_api::mutant::{Mutant, switch_on};

use limekiln_simulation::check;

use crate::schedules;

/// Of 100 bugs so many must be noticed.
const ENOUGH: usize = 95;

/// Switches on one after the other, or the one of that name, and plays until it is noticed.
pub fn hunt(seeds: Range<u64>, only: Option<&str>) -> anyhow::Result<ExitCode> {
    let (mut noticed, first) = (0, seeds.start);
    let named = |mutant: &Mutant| only.is_none_or(|only| format!("{mutant:?}") == only);
    let all: Vec<_> = Mutant::ALL.into_iter().filter(named).collect();
    anyhow::ensure!(!all.is_empty(), "there is no such deliberate bug");
    for mutant in all.iter().copied() {
        switch_on(Some(mutant));
        let verdicts = schedules::all(seeds.clone(), |verdict| verdict.wrong.is_empty())?;
        let found = verdicts.iter().find(|verdict| !verdict.wrong.is_empty());
        switch_on(None);
        match found {
            // One that ends badly anyway notices nothing.
            Some(verdict) if !check(verdict.seed)?.wrong.is_empty() => {
                anyhow::bail!("seed {} ends badly without any deliberate bug", verdict.seed);
            }
            Some(verdict) => {
                noticed += 1;
                let wrong: String = verdict.wrong[0].chars().take(80).collect();
                println!("{:<26} {:>5}  {wrong}", format!("{mutant:?}"), verdict.seed - first);
            }
            None => println!("{:<26} not noticed", format!("{mutant:?}")),
        }
    }
    let all = all.len();
    println!("{noticed} of {all} deliberate bugs were noticed, each by the schedule named");
    let enough = noticed * 100 >= all * ENOUGH;
    Ok(if enough { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
