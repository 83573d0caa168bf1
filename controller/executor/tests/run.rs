//! Order, limits, retries and cancellation, under a paused clock.

mod script;

use std::time::Duration;

use limekiln_engine::{EngineError, ErrorClass};
use limekiln_executor::{Limits, Longest, Retry};
use limekiln_model::{Event, StepId, StepOutcome};
use script::{Hang, Script, await_ready, light, plan, start};
use tokio_util::sync::CancellationToken;

fn limits() -> Limits {
    let second = Duration::from_secs(1);
    Limits {
        downloads: 1,
        boots: 2,
        light: 4,
        retry: Retry { attempts: 3, first: second, longest: 60 * second },
        longest: Longest { download: 900 * second, other: 300 * second, grace: 30 * second },
        seed: 1,
    }
}

fn failed(error: &str) -> impl Fn(&StepOutcome) -> bool {
    move |outcome| matches!(outcome, StepOutcome::Failed { error: text, .. } if text.contains(error))
}

#[tokio::test(start_paused = true)]
async fn a_step_begins_when_all_before_it_are_done_and_branches_run_side_by_side() {
    let plan =
        plan(&[(light("a"), &[]), (light("b"), &[]), (light("c"), &[0, 1]), (light("d"), &[2])]);
    let script = Script::new();
    let begun = tokio::time::Instant::now();
    let result = script.run(&plan, limits()).await;
    assert!(result.is_done());
    assert_eq!(begun.elapsed(), 3 * Script::WORK, "a and b overlap, c and d do not");
    assert_eq!(script.log(), ["+a", "+b", "-a", "-b", "+c", "-c", "+d", "-d"]);
}

#[tokio::test(start_paused = true)]
async fn no_more_than_the_limit_runs_at_once() {
    let steps: Vec<_> = (0..20).map(|n| (light(&format!("i{n}")), &[][..])).collect();
    let script = Script::new();
    let begun = tokio::time::Instant::now();
    assert!(script.run(&plan(&steps), limits()).await.is_done());
    assert_eq!(script.most_at_once(), 4);
    assert_eq!(begun.elapsed(), 5 * Script::WORK);
}

#[tokio::test(start_paused = true)]
async fn a_boot_counts_until_it_is_ready() {
    let names: Vec<_> = (0..6).map(|n| format!("i{n}")).collect();
    let starts = names.iter().map(|name| (start(name), vec![]));
    let waits = names.iter().enumerate().map(|(n, name)| (await_ready(name), vec![n]));
    let steps: Vec<_> = starts.chain(waits).collect();
    let steps: Vec<_> =
        steps.iter().map(|(action, after)| (action.clone(), after.as_slice())).collect();
    let script = Script::new();
    assert!(script.run(&plan(&steps), limits()).await.is_done());
    let log = script.log();
    let mut booting = 0;
    for line in &log {
        match line.as_str() {
            line if line.starts_with("+start") => booting += 1,
            line if line.starts_with("-wait") => booting -= 1,
            _ => {}
        }
        assert!(booting <= 2, "{log:?}");
    }
    assert_eq!(log.len(), 24);
}

#[tokio::test(start_paused = true)]
async fn a_failure_stops_only_what_depends_on_it() {
    let plan =
        plan(&[(light("a"), &[]), (light("b"), &[0]), (light("c"), &[1]), (light("d"), &[])]);
    let script =
        Script::new().fail("a", 1, || EngineError::permanent("bad digest").hint("fetch anew"));
    let result = script.run(&plan, limits()).await;
    assert!(failed("bad digest")(&result.outcomes[0]));
    assert_eq!(
        result.outcomes[1..],
        [StepOutcome::Skipped, StepOutcome::Skipped, StepOutcome::Done]
    );
    assert_eq!(
        result.failures().collect::<Vec<_>>(),
        [(StepId(0), "bad digest", Some("fetch anew"))]
    );
    assert!(!result.look_again);
    let finished =
        script.events().iter().filter(|event| matches!(event, Event::Finished { .. })).count();
    assert_eq!(finished, 4, "each step ends once");
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again_with_growing_waits() {
    let script = Script::new().fail("a", 2, || EngineError::transient("refused"));
    let plan = plan(&[(light("a"), &[])]);
    assert!(script.run(&plan, limits()).await.is_done());
    let delays: Vec<_> = script
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Retrying { attempt, delay_ms, .. } => Some((attempt, delay_ms)),
            _ => None,
        })
        .collect();
    assert_eq!(delays.iter().map(|(attempt, _)| *attempt).collect::<Vec<_>>(), [1, 2]);
    assert!(
        (1000..=2000).contains(&delays[0].1) && (2000..=4000).contains(&delays[1].1),
        "{delays:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn tries_are_counted() {
    let script = Script::new().fail("a", 99, || EngineError::transient("refused"));
    let result = script.run(&plan(&[(light("a"), &[])]), limits()).await;
    assert!(failed("refused")(&result.outcomes[0]));
    assert_eq!(script.log().iter().filter(|line| *line == "+a").count(), 3);
}

#[tokio::test(start_paused = true)]
async fn other_classes_are_not_tried_again() {
    for (class, text, look_again) in [
        (ErrorClass::Permanent, "no", false),
        (ErrorClass::NeedsHuman, "no", false),
        (ErrorClass::Precondition, "state has changed", true),
        (ErrorClass::Unknown, "not known whether", true),
    ] {
        let script = Script::new().fail("a", 1, move || EngineError::new(class, "no"));
        let result = script.run(&plan(&[(light("a"), &[]), (light("b"), &[0])]), limits()).await;
        assert!(failed(text)(&result.outcomes[0]), "{class:?}: {result:?}");
        assert_eq!(result.outcomes[1], StepOutcome::Skipped);
        assert_eq!(result.look_again, look_again);
        assert_eq!(script.log(), ["+a", "-a"]);
    }
}

#[tokio::test(start_paused = true)]
async fn cancelling_waits_for_what_runs_and_begins_nothing() {
    let plan = plan(&[(light("a"), &[]), (light("b"), &[0]), (light("c"), &[1])]);
    let script = Script::new();
    let cancel = CancellationToken::new();
    let stop = async {
        tokio::time::sleep(Script::WORK + Script::WORK / 2).await;
        cancel.cancel();
    };
    let (result, ()) = tokio::join!(script.run_until(&plan, limits(), &cancel), stop);
    assert_eq!(result.outcomes, [StepOutcome::Done, StepOutcome::Done, StepOutcome::Cancelled]);
    assert_eq!(script.log(), ["+a", "-a", "+b", "-b"]);
    assert!(result.was_cancelled());
}

#[tokio::test(start_paused = true)]
async fn cancelling_ends_a_wait_for_the_next_try() {
    let script = Script::new().fail("a", 99, || EngineError::transient("refused"));
    let cancel = CancellationToken::new();
    let stop = async {
        tokio::time::sleep(Script::WORK + Duration::from_millis(500)).await;
        cancel.cancel();
    };
    let begun = tokio::time::Instant::now();
    let plan = plan(&[(light("a"), &[])]);
    let (result, ()) = tokio::join!(script.run_until(&plan, limits(), &cancel), stop);
    assert_eq!(result.outcomes, [StepOutcome::Cancelled]);
    assert_eq!(begun.elapsed(), Script::WORK + Duration::from_millis(500));
}

#[tokio::test(start_paused = true)]
async fn a_malformed_plan_ends() {
    let script = Script::new();
    let result = script
        .run(&plan(&[(light("a"), &[1]), (light("b"), &[0]), (light("c"), &[7])]), limits())
        .await;
    assert!(result.outcomes.iter().all(failed("malformed")));
    assert_eq!(script.log(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn an_action_that_hangs_is_told_to_end_and_in_the_end_left_alone() {
    for (how, text, seconds, look_again) in [
        (Hang::Ends, "did not end within 5 minutes", 300, false),
        (Hang::DoesNot, "not known whether", 330, true),
    ] {
        let script = Script::new().hang("a", how);
        let plan = plan(&[(light("a"), &[]), (light("b"), &[0]), (light("c"), &[])]);
        let begun = tokio::time::Instant::now();
        let result = script.run(&plan, limits()).await;
        assert!(failed(text)(&result.outcomes[0]), "{result:?}");
        assert_eq!(result.outcomes[1..], [StepOutcome::Skipped, StepOutcome::Done]);
        assert_eq!((begun.elapsed().as_secs(), result.look_again), (seconds, look_again));
    }
}
