//! A few schedules with every run of the tests; `cargo xtask simulate` plays thousands.

use std::collections::BTreeSet;

use limekiln_simulation::story::{Fault, Story};
use limekiln_simulation::{check, play};

#[test]
fn a_seed_gives_the_same_run_every_time() {
    for seed in [3, 51] {
        let story = Story::of(seed);
        let (once, twice) = (play(&story).expect("played"), play(&story).expect("played"));
        assert!(once.actions > 0, "nothing happened");
        assert_eq!(once.log, twice.log);
        assert_eq!(once.whole, twice.whole);
    }
}

#[test]
fn some_schedules_end_well() {
    for seed in 100_000..100_016 {
        let verdict = check(seed).expect("played");
        assert!(verdict.wrong.is_empty(), "seed {seed}: {:#?}\n{:#?}", verdict.wrong, verdict.log);
    }
}

#[test]
fn stories_have_faults_of_every_kind() {
    let drawn: BTreeSet<_> =
        (0..2_000).flat_map(|seed| Story::of(seed).faults().collect::<Vec<_>>()).collect();
    assert_eq!(drawn.len(), Fault::ALL.len());
}

#[test]
fn a_schedule_with_each_kind_of_fault_ends_well() {
    let mut missing: BTreeSet<_> = Fault::ALL.into();
    for seed in 200_000..202_000 {
        // What is drawn may find nothing to go wrong: then another schedule has it.
        if Story::of(seed).faults().all(|fault| !missing.contains(&fault)) {
            continue;
        }
        let verdict = check(seed).expect("played");
        assert!(verdict.wrong.is_empty(), "seed {seed}: {:#?}\n{:#?}", verdict.wrong, verdict.log);
        missing.retain(|fault| !verdict.fired.contains(fault));
        if missing.is_empty() {
            return;
        }
    }
    panic!("these never came about: {missing:?}");
}

#[test]
fn a_repository_that_is_away_or_rewritten_changes_nothing_until_somebody_consents() {
    let stories = (300_000..).map(Story::of).filter(Story::has_git);
    for story in stories.take(4) {
        let verdict = check(story.seed).expect("played");
        let (seed, log) = (story.seed, &verdict.log);
        assert!(verdict.wrong.is_empty(), "seed {seed}: {:#?}\n{log:#?}", verdict.wrong);
        assert!(verdict.actions > 0, "seed {seed}: nothing was read from it\n{log:#?}");
    }
}
