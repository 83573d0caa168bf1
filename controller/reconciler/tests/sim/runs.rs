//! Runs that crash, are cancelled, meet each other, or never settle.

use std::sync::Arc;

use crate::fixture::{CRASHES, Fixture, disk, id, instance, name, prune};
use limekiln_api::ConditionStatus;
use limekiln_engine_sim::{Fault, SimEngine};
use limekiln_model::{Event, InstancePhase, ObservedStep, Policy, StopMode};
use limekiln_reconciler::{
    Claim, End, Home, HomeError, Ledger, Planned, ReconcileError, RecordOutcome, Run, RunVerb,
    SavedPlan, SavedPlanError,
};

fn describe_world(fixture: &Fixture) -> Vec<String> {
    let observed = fixture.engine.look();
    let instances = observed.instances.iter().map(|(name, instance)| {
        format!(
            "{name} {} {:?}",
            instance.phase.word(),
            instance.config.as_ref().map(|config| config.cpus)
        )
    });
    instances.chain(observed.disks.keys().map(|name| format!("disk {name}"))).collect()
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_action_leaves_the_same_end_state_and_the_same_owners() {
    let scene = |fixture: &Fixture| {
        fixture.put("d.yaml", &disk("data"));
        let with_disk = format!("{}    additionalDisks: [{{name: data}}]\n", instance("web", 1));
        fixture.put("web.yaml", &with_disk);
    };
    let straight = Fixture::new();
    scene(&straight);
    straight.apply(Policy::default()).await;
    let actions = straight.log().len();
    assert!(actions >= 5, "{:?}", straight.log());
    for at in 0..actions {
        for kind in CRASHES {
            let mut fixture = Fixture::new();
            fixture.engine.inject(Fault { at, kind });
            scene(&fixture);
            let planned = fixture.plan(Policy::default()).await;
            fixture.reconciler.execute(&planned, &Run::silent()).await.expect("execute");
            fixture.restart();
            let settled = fixture.apply(Policy::default()).await;
            assert_eq!(settled.end, End::Settled, "{kind:?} at {at}: {:?}", fixture.log());
            assert_eq!(describe_world(&fixture), describe_world(&straight), "{kind:?} at {at}");
            assert_eq!(fixture.owned(), straight.owned(), "{kind:?} at {at}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_claim_is_there_before_the_object() {
    let fixture = Fixture::new();
    fixture.put("d.yaml", &disk("data"));
    fixture.engine.inject(Fault { at: 0, kind: CRASHES[0] });
    let planned = fixture.plan(Policy::default()).await;
    fixture.reconciler.execute(&planned, &Run::silent()).await.expect("execute");
    assert!(fixture.engine.look().disks.is_empty());
    assert_eq!(fixture.owned(), ["disk/data"]);

    // Nobody wants it any more: what somebody else makes under that name later is not ours.
    fixture.remove("d.yaml");
    fixture.apply(Policy::default()).await;
    assert_eq!(fixture.owned(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn two_at_once_are_one_and_an_error_that_names_the_other() {
    let fixture = Fixture::new();
    fixture.put("d.yaml", &disk("data"));
    let planned = fixture.plan(Policy::default()).await;
    let other = Home::new(fixture.reconciler.home().lima_home());
    let lock = other.lock().expect("free");
    let refused = fixture.reconciler.execute(&planned, &Run::silent()).await;
    assert!(matches!(refused, Err(ReconcileError::Home(HomeError::Locked { pid: Some(_), .. }))));
    assert!(fixture.log().is_empty());
    // Reading goes on meanwhile.
    fixture.reconciler.observe().await.expect("observe");
    drop(lock);
    fixture.reconciler.execute(&planned, &Run::silent()).await.expect("free again");
    assert_eq!(fixture.log(), ["create disk/data"]);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_run_is_finished_by_the_next() {
    let fixture = Fixture::new();
    fixture.put("web.yaml", &instance("web", 1));
    let planned = fixture.plan(Policy::default()).await;
    let silent = Run::silent();
    let cancel = silent.cancel.clone();
    let on_event = Arc::new(move |_: &_, event: &Event| {
        if matches!(event, Event::Finished { .. }) {
            cancel.cancel();
        }
    });
    let run = Run { on_event, ..silent };
    let settled = fixture.reconciler.settle(planned, &run).await.expect("settle");
    assert_eq!(settled.end, End::Cancelled);
    assert_eq!(fixture.log().len(), 1, "one action was running: {:?}", fixture.log());
    assert_eq!(fixture.apply(Policy::default()).await.end, End::Settled);
    assert_eq!(fixture.phase("web"), "Ready");
}

#[tokio::test(start_paused = true)]
async fn what_the_user_does_outside_is_shown_and_put_right() {
    let fixture = Fixture::new();
    fixture.put("web.yaml", &instance("web", 1));
    fixture.apply(Policy::default()).await;
    let drifted = async || {
        let observed = fixture.reconciler.observe().await.expect("observe");
        let statuses = fixture.reconciler.statuses(&observed, None).expect("a ledger");
        let conditions = statuses[&id("instance/web")].conditions.clone();
        conditions.into_iter().find(|condition| condition.type_ == "Drifted").expect("said")
    };
    let calm = drifted().await;
    assert_eq!(calm.status, ConditionStatus::False);
    assert!(calm.last_transition_time.is_some());
    let in_the_guest = |changed| {
        let name = "provision.data/00000000".to_owned();
        let step = ObservedStep { name, exit_code: Some(0), at: Some(1), changed };
        fixture.engine.outside(|world| {
            world.observed.instance_mut("web").expect("there").steps = vec![step];
        });
    };
    in_the_guest(true);
    let told = drifted().await;
    assert_eq!((told.status, told.reason.as_str()), (ConditionStatus::True, "GuestChanged"));
    assert!(told.message.contains("provision.data/00000000"), "{}", told.message);
    in_the_guest(false);
    assert_eq!(drifted().await.status, ConditionStatus::False);

    fixture.engine.outside(|world| {
        let web = world.observed.instance_mut("web").expect("there");
        web.phase = InstancePhase::Stopped;
        web.booted = None;
        Arc::make_mut(web.config.as_mut().expect("readable")).cpus = Some(7.into());
    });
    assert_eq!(drifted().await.status, ConditionStatus::True);
    fixture.apply(Policy::default()).await;
    assert_eq!((fixture.cpus("web"), fixture.phase("web")), (1, "Ready"));
    assert_eq!(drifted().await.status, ConditionStatus::False);

    fixture.engine.outside(|world| world.observed.instances.clear());
    fixture.apply(Policy::default()).await;
    assert_eq!((fixture.cpus("web"), fixture.phase("web")), (1, "Ready"));
}

#[tokio::test(start_paused = true)]
async fn a_deleted_object_comes_back_as_ours() {
    let fixture = Fixture::new();
    fixture.put("web.yaml", &instance("web", 1));
    fixture.apply(Policy::default()).await;
    let owner = fixture.reconciler.claims().expect("ledger");
    let run = Run::silent();
    let execute = async |planned: Planned| {
        fixture.reconciler.execute(&planned, &run).await.expect("execute").result.is_done()
    };
    let ids = [id("instance/web")];
    assert!(execute(fixture.reconciler.plan_delete(&ids, false).await.expect("plan")).await);
    assert_eq!((fixture.owned(), fixture.instances()), (vec![], vec![]));
    assert!(execute(fixture.reconciler.plan_restore(&ids, None).await.expect("plan")).await);
    assert_eq!(fixture.instances(), ["web"]);
    assert_eq!(fixture.reconciler.claims().expect("ledger"), owner);
    assert!(execute(fixture.reconciler.plan_delete(&ids, true).await.expect("plan")).await);
    assert!(fixture.engine.look().parked.is_empty());
    assert_eq!(fixture.owned(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn with_a_damaged_note_a_parked_object_comes_back_as_nobodys() {
    let fixture = Fixture::new();
    fixture.put("web.yaml", &instance("web", 1));
    fixture.apply(Policy::default()).await;
    let ids = [id("instance/web")];
    let delete = fixture.reconciler.plan_delete(&ids, false).await.expect("plan");
    fixture.reconciler.execute(&delete, &Run::silent()).await.expect("execute");
    let note = fixture.reconciler.home().dir().join("parked/instance-web.json");
    let whole = std::fs::read(&note).expect("the note is there");
    std::fs::write(&note, &whole[..whole.len() / 2]).expect("cut");
    let restore = fixture.reconciler.plan_restore(&ids, None).await.expect("plan");
    let restored = fixture.reconciler.execute(&restore, &Run::silent()).await.expect("execute");
    assert!(restored.result.is_done());
    assert_eq!((fixture.instances(), fixture.owned()), (vec!["web".to_owned()], vec![]));
    fixture.put("web.yaml", &instance("web", 2));
    fixture.apply(Policy::default()).await;
    assert_eq!(fixture.cpus("web"), 1, "nobody's, until it is adopted");
    fixture.apply(Policy { adopt: true, ..Policy::default() }).await;
    assert_eq!((fixture.cpus("web"), fixture.owned()), (2, vec!["instance/web".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_status_file_is_written_anew_when_damaged_and_left_alone_when_newer() {
    let fixture = Fixture::new();
    fixture.put("web.yaml", &instance("web", 1));
    fixture.apply(Policy::default()).await;
    let file = fixture.reconciler.home().dir().join("status.json");
    let whole = std::fs::read_to_string(&file).expect("written");
    assert!(whole.contains(r#""version":1"#), "{whole}");
    for cut in 0..whole.len() {
        std::fs::write(&file, &whole[..cut]).expect("cut");
        assert!(fixture.apply(Policy::default()).await.end == End::Settled, "cut at {cut}");
        let again = std::fs::read_to_string(&file).expect("written");
        assert!(again.contains("instance/web"), "cut at {cut}: {again}");
    }
    let newer = r#"{"version": 2, "conditions": "in another shape"}"#;
    std::fs::write(&file, newer).expect("write");
    fixture.put("web.yaml", &instance("web", 2));
    assert!(fixture.apply(Policy::default()).await.end == End::Settled);
    assert_eq!(
        (fixture.cpus("web"), std::fs::read_to_string(&file).expect("read")),
        (2, newer.to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn a_pruned_object_that_is_retained_is_let_go() {
    let fixture = Fixture::new();
    fixture.put("d.yaml", &disk("kept").replace("Delete", "Retain"));
    fixture.put("e.yaml", &disk("other"));
    fixture.apply(Policy::default()).await;
    fixture.remove("d.yaml");
    fixture.apply(prune()).await;
    assert_eq!(fixture.owned(), ["disk/other"]);
    assert_eq!(fixture.engine.look().disks.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_never_settles_is_stopped() {
    let engine = SimEngine::new(1).normalising(|lima| lima.message = Some("mine".into()));
    let fixture = Fixture::with(engine);
    fixture.put("web.yaml", &instance("web", 1));
    let settled = fixture.apply(Policy::default()).await;
    assert_eq!(settled.end, End::Stalled);
    assert!(settled.passes.len() <= 5);
    assert_eq!(settled.passes.last().expect("some").plan.steps, settled.rest.plan.steps);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_claim_is_set_aside_and_its_object_left_alone() {
    let mut fixture = Fixture::new();
    fixture.put("a.yaml", &instance("a", 1));
    fixture.put("b.yaml", &instance("b", 1));
    fixture.apply(Policy::default()).await;
    let owners = fixture.reconciler.home().dir().join("owners");
    let file = owners.join("instance-a.json");
    let whole = std::fs::read(&file).expect("read");
    std::fs::write(&file, &whole[..whole.len() / 2]).expect("cut");
    fixture.restart();
    fixture.put("a.yaml", &instance("a", 2));
    fixture.put("b.yaml", &instance("b", 2));
    fixture.apply(prune()).await;
    assert_eq!((fixture.cpus("a"), fixture.cpus("b")), (1, 2));
    assert!(!file.exists() && owners.join("instance-a.json.corrupt-1").exists());
}

#[tokio::test(start_paused = true)]
async fn a_ledger_of_a_later_version_is_refused() {
    let mut fixture = Fixture::new();
    fixture.put("a.yaml", &instance("a", 1));
    fixture.apply(Policy::default()).await;
    let file = fixture.reconciler.home().dir().join("owners/instance-a.json");
    std::fs::write(&file, r#"{"version": 2}"#).expect("write");
    fixture.restart();
    let refused = fixture.reconciler.observe().await.expect_err("newer");
    assert!(refused.to_string().contains("has version 2"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_saved_plan_runs_while_it_fits_and_is_refused_after() {
    let fixture = Fixture::new();
    fixture.put("a.yaml", &instance("a", 1));
    fixture.apply(Policy::default()).await;
    fixture.put("a.yaml", &instance("a", 2));
    let file = fixture.path("a.plan");
    let saved = fixture.reconciler.save(&fixture.plan(Policy::default()).await);
    saved.write(&file).expect("write");
    assert_eq!(SavedPlan::read(&file).expect("read"), saved);

    fixture.engine.outside(|world| {
        world.observed.instance_mut("a").expect("there").protected = true;
    });
    let moved = fixture.reconciler.resume(saved.clone()).await.expect_err("moved");
    assert!(matches!(&moved, ReconcileError::Moved(ids) if *ids == [id("instance/a")]), "{moved}");
    fixture.engine.outside(|world| {
        world.observed.instance_mut("a").expect("there").protected = false;
    });
    let planned = fixture.reconciler.resume(saved.clone()).await.expect("fits");
    fixture.reconciler.execute(&planned, &Run::silent()).await.expect("execute");
    assert_eq!(fixture.cpus("a"), 2);

    std::fs::write(&file, r#"{"version": 2}"#).expect("write");
    assert!(matches!(SavedPlan::read(&file), Err(SavedPlanError::Newer(2))));
    std::fs::write(&file, "kind: Instance").expect("write");
    assert!(matches!(SavedPlan::read(&file), Err(SavedPlanError::Malformed { .. })));
    let elsewhere = SavedPlan { lima_home: "/elsewhere".into(), ..saved };
    fixture.reconciler.resume(elsewhere).await.expect_err("another home");
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_waited_too_long_is_not_run() {
    let fixture = Fixture::new();
    fixture.put("a.yaml", &instance("a", 1));
    fixture.apply(Policy::default()).await;
    let ids = [id("instance/a")];
    let planned = fixture.reconciler.plan_delete(&ids, false).await.expect("plan");
    fixture.engine.outside(|world| {
        world.observed.instance_mut("a").expect("there").protected = true;
    });
    let before = fixture.log();
    let refused = fixture.reconciler.execute(&planned, &Run::silent()).await;
    assert!(matches!(refused, Err(ReconcileError::Moved(_))));
    assert_eq!(fixture.log(), before);
}

#[tokio::test(start_paused = true)]
async fn what_was_done_is_recorded() {
    let fixture = Fixture::new();
    fixture.put("web.yaml", &instance("web", 1));
    fixture.apply(Policy::default()).await;
    let verb = RunVerb::Restart;
    let planned = fixture.reconciler.plan_run(&[name("web")], verb).await.expect("plan");
    fixture.reconciler.execute(&planned, &Run::silent()).await.expect("execute");
    let records = fixture.reconciler.journal().read().expect("read");
    let lines: Vec<_> =
        records.iter().map(|record| format!("{} {}", record.verb, record.object)).collect();
    assert_eq!(lines, fixture.log());
    assert!(records.iter().all(|record| record.outcome == RecordOutcome::Done));
}

#[tokio::test(start_paused = true)]
async fn a_stop_by_hand_ends_an_owed_start() {
    let fixture = Fixture::new();
    fixture
        .put("web.yaml", &instance("web", 1).replace("spec:\n", "spec:\n  runStrategy: Manual\n"));
    fixture.apply(Policy::default()).await;
    // As a crash in the middle of a restart leaves it.
    let ledger = Ledger::new(fixture.reconciler.home());
    let claim = ledger.get(&id("instance/web")).expect("read").expect("ours");
    let owed = Claim { restarting: true, ..claim };
    ledger.put(&owed).expect("written");
    let stop = RunVerb::Stop(StopMode::Graceful);
    let planned = fixture.reconciler.plan_run(&[name("web")], stop).await.expect("plan");
    fixture.reconciler.execute(&planned, &Run::silent()).await.expect("execute");
    fixture.apply(Policy::default()).await;
    assert_eq!(fixture.phase("web"), "Stopped");
    // Without that, it is started again.
    ledger.put(&owed).expect("written");
    fixture.apply(Policy::default()).await;
    assert_eq!(fixture.phase("web"), "Ready");
}
