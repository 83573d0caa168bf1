//! What is kept of the plans that were carried out for each revision.

use std::time::Duration;

use limekiln_engine::ErrorClass;
use limekiln_engine_sim::SimEngine;
use limekiln_model::Action;
use limekiln_reconciler::{ControllerOptions, PlanRun, RecordOutcome, Requests, Revision};

use crate::controller::Running;
use crate::fixture::{Fixture, id, instance, prune};

fn kept(fixture: &Fixture) -> Vec<(Revision, Vec<PlanRun>)> {
    let history = fixture.reconciler.history();
    let plans = |one: &Revision| history.plans(&one.source, &one.revision).expect("readable");
    let all = history.read().expect("readable");
    all.into_iter().map(|one| (one.clone(), plans(&one))).collect()
}

/// `create instance/web: Done`, … of a plan.
fn told(run: &PlanRun) -> Vec<String> {
    let word = |outcome: Option<RecordOutcome>| match outcome {
        Some(outcome) => format!("{outcome:?}"),
        None => "nobody knows".to_owned(),
    };
    let steps = run.steps.iter();
    steps.map(|step| format!("{} {}: {}", step.verb, step.object, word(step.outcome))).collect()
}

/// Until nothing is left to do, and what was done is written: that comes after the look at which it
/// had ended, and before the next.
async fn noted(running: &Running) {
    running.settled().await;
    running.looked().await;
}

fn slow_boots(action: &Action) -> Duration {
    match action {
        Action::AwaitReady { .. } => Duration::from_millis(2_500),
        _ => Duration::ZERO,
    }
}

#[tokio::test(start_paused = true)]
async fn each_revision_has_the_plans_that_were_carried_out_for_it() {
    let fixture = Fixture::with(SimEngine::new(1).taking(slow_boots));
    fixture.put("web.yaml", &instance("web", 1));
    let running = Running::start(&fixture, ControllerOptions::default());
    noted(&running).await;
    fixture.put("web.yaml", &instance("web", 2));
    noted(&running).await;
    let [(first, made), (second, edited)] = kept(&fixture).try_into().expect("two revisions");
    assert_ne!(first.revision, second.revision);
    let made = made.first().expect("it was made");
    assert!(told(made).iter().all(|step| step.ends_with(": Done")), "{:?}", told(made));
    assert!(told(made).contains(&"create instance/web: Done".to_owned()), "{:?}", told(made));
    let ready = made.steps.iter().find(|step| step.verb == "wait until ready").expect("a boot");
    assert_eq!(ready.took_ms, Some(2_500));
    assert!(made.ended_at.is_some() && ready.at.is_some());
    let edited = edited.first().expect("it was edited");
    assert!(told(edited).contains(&"edit instance/web: Done".to_owned()), "{:?}", told(edited));
    // A look that finds nothing to do leaves nothing behind.
    let before = kept(&fixture);
    noted(&running).await;
    assert_eq!(kept(&fixture), before);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_fails_again_and_again_is_kept_once_with_its_error() {
    let engine = SimEngine::new(1).failing(|action| {
        matches!(action, Action::StartDriver { .. }).then_some(ErrorClass::Permanent)
    });
    let fixture = Fixture::with(engine);
    fixture.put("web.yaml", &instance("web", 1));
    let running = Running::start(&fixture, ControllerOptions::default());
    running.until("three tries", |state| state.attempts.values().any(|one| one.times > 3)).await;
    running.looked().await;
    let [(_, plans)] = kept(&fixture).try_into().expect("one revision");
    let last = plans.last().expect("it was tried");
    assert!(last.count >= 2, "{plans:?}");
    let failed = last.steps.iter().find(|step| step.outcome == Some(RecordOutcome::Failed));
    let error = failed.and_then(|step| step.error.clone()).expect("it says why");
    assert!(!error.is_empty() && !error.contains('\n'), "{error:?}");
    assert!(told(last).iter().any(|step| step.ends_with(": Skipped")), "{:?}", told(last));
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn of_several_sources_each_has_what_was_done_for_its_objects() {
    let fixture = Fixture::new();
    std::fs::create_dir(fixture.path("n")).expect("writable");
    for file in ["a", "b", "../n/d", "../n/e"] {
        let name = file.rsplit('/').next().expect("a name");
        fixture.put(&format!("{file}.yaml"), &instance(name, 1));
    }
    let options = ControllerOptions { policy: prune(), ..ControllerOptions::default() };
    let running = Running::over(&fixture, fixture.intake_of(&["m", "n"]), options);
    noted(&running).await;
    fixture.remove("../n/e.yaml");
    noted(&running).await;
    let of = |dir: &str| {
        let source = fixture.path(dir).canonicalize().expect("there").display().to_string();
        let kept = kept(&fixture).into_iter().filter(move |(one, _)| one.source == source);
        kept.map(|(_, plans)| plans.iter().flat_map(told).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    let [m] = of("m").try_into().expect("one revision");
    assert!(m.iter().all(|step| step.contains("/a:") || step.contains("/b:")), "{m:?}");
    assert!(m.contains(&"create instance/a: Done".to_owned()), "{m:?}");
    let [before, after] = of("n").try_into().expect("two revisions");
    assert!(before.contains(&"create instance/d: Done".to_owned()), "{before:?}");
    assert!(after.contains(&"park instance/e: Done".to_owned()), "what is gone counts: {after:?}");
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_rollback_deletes_nothing_that_may_be_in_a_file_that_cannot_be_read() {
    let fixture = Fixture::new();
    fixture.put("web.yaml", &instance("web", 1));
    fixture.put("db.yaml", &instance("db", 1));
    let options = ControllerOptions { policy: prune(), ..ControllerOptions::default() };
    let running = Running::start(&fixture, options);
    noted(&running).await;
    fixture.put_bytes("web.yaml", &[instance("web", 1).as_bytes(), b"# caf\xe9\n"].concat());
    noted(&running).await;
    fixture.put("web.yaml", &instance("web", 2));
    noted(&running).await;
    let all = fixture.reconciler.history().read().expect("readable");
    let [_, latin, _] = all.as_slice() else { panic!("{all:?}") };
    Requests::roll_back(fixture.reconciler.home(), &all, latin, None).expect("written");
    for _ in 0..3 {
        running.looked().await;
    }
    let state = running.settled().await;
    assert_eq!(fixture.instances(), ["db", "web"]);
    let desired = &state.planned.as_ref().expect("a plan").desired;
    assert!(desired.frozen.contains_key(&id("instance/web")), "{:?}", desired.frozen);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_controller_was_doing_is_kept_as_cut_short() {
    let fixture = Fixture::with(SimEngine::new(1).taking(slow_boots));
    fixture.put("web.yaml", &instance("web", 1));
    let running = Running::start(&fixture, ControllerOptions::default());
    running.until("it boots", |state| state.busy.contains(&id("instance/web"))).await;
    // The note is written after the look at which the plan was begun.
    running.looked().await;
    running.kill().await;
    let [(_, plans)] = kept(&fixture).try_into().expect("one revision");
    let cut = plans.first().expect("it was begun");
    assert!(!cut.is_ended() && cut.ended_at.is_none(), "{plans:?}");
    let running = Running::start(&fixture, ControllerOptions::default());
    noted(&running).await;
    let [(_, plans)] = kept(&fixture).try_into().expect("one revision");
    let [cut, rest] = plans.as_slice() else { panic!("{plans:?}") };
    assert!(!cut.is_ended() && rest.is_ended(), "{plans:?}");
    running.end().await;
}
