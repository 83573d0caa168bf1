//! The resident loop, on virtual time.

use std::sync::Arc;
use std::time::Duration;

use limekiln_engine::ErrorClass;
use limekiln_engine_sim::{Fault, FaultKind, SimEngine};
use limekiln_model::{InstancePhase, Policy};
use limekiln_reconciler::{
    Controller, ControllerOptions, ControllerState, End, Handle, Intake, OfSource, ReconcileError,
    Requests,
};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::fixture::{Fixture, id, instance, prune};

/// A controller that runs, over the fixture's manifests.
pub struct Running {
    handle: Handle,
    stop: CancellationToken,
    task: JoinHandle<Result<(), ReconcileError>>,
}

impl Running {
    pub fn start(fixture: &Fixture, options: ControllerOptions) -> Self {
        Self::over(fixture, fixture.intake(), options)
    }

    pub fn over(fixture: &Fixture, intake: Box<dyn Intake>, options: ControllerOptions) -> Self {
        let controller = Controller::new(
            fixture.fresh(),
            intake,
            ControllerOptions { seed: 1, ..options },
            Arc::new(|_, _| {}),
        );
        let (handle, stop) = (controller.handle(), CancellationToken::new());
        let task = tokio::spawn(controller.run(stop.clone()));
        Self { handle, stop, task }
    }

    pub async fn until(
        &self,
        what: &str,
        holds: impl Fn(&ControllerState) -> bool,
    ) -> ControllerState {
        let mut state = self.handle.state();
        let found = tokio::time::timeout(Duration::from_secs(3_600), state.wait_for(holds)).await;
        found.unwrap_or_else(|_| panic!("{what}: not within an hour")).expect("it runs").clone()
    }

    /// Wakes it, and waits until it has looked and nothing is left to do.
    pub async fn settled(&self) -> ControllerState {
        self.looked().await;
        let passes = self.looked().await;
        self.until("settled", |state| state.passes >= passes && state.is_settled()).await
    }

    /// Wakes it, and waits for the end of a look, which may have begun before.
    pub async fn looked(&self) -> u64 {
        let passes = self.handle.state().borrow().passes;
        self.handle.wake();
        self.until("a look", |state| state.passes > passes).await.passes
    }

    /// Ends it in the middle, as a crash does.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    pub async fn end(self) {
        self.stop.cancel();
        self.task.await.expect("no panic").expect("no error");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_committed_comes_true_and_what_changes_follows() {
    let fixture = Fixture::new();
    fixture.put("web.yaml", &instance("web", 1));
    let running = Running::start(&fixture, ControllerOptions::default());
    running.settled().await;
    assert_eq!((fixture.phase("web"), fixture.cpus("web")), ("Ready", 1));
    fixture.put("web.yaml", &instance("web", 2));
    fixture.put("db.yaml", &instance("db", 1));
    running.settled().await;
    assert_eq!(
        (fixture.phase("db"), fixture.phase("web"), fixture.cpus("web")),
        ("Ready", "Ready", 2)
    );
    assert_eq!(fixture.owned(), ["instance/db", "instance/web"]);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_plan_is_shown_before_it_begins() {
    let fixture = Fixture::new();
    let running = Running::start(&fixture, ControllerOptions::default());
    running.settled().await;
    fixture.put("web.yaml", &instance("web", 1));
    running.handle.wake();
    let planned = |state: &ControllerState| {
        state.planned.as_ref().is_some_and(|planned| !planned.plan.is_empty())
    };
    let state = running.until("a plan", planned).await;
    assert_eq!((state.busy.len(), fixture.engine.performed()), (0, 0));
    assert_eq!(state.queued(), [id("instance/web")].into());
    running.settled().await;
    assert_eq!(fixture.phase("web"), "Ready");
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn drift_is_repaired_without_being_told() {
    let fixture = Fixture::new();
    fixture.put("web.yaml", &instance("web", 1));
    let running = Running::start(&fixture, ControllerOptions::default());
    running.settled().await;
    fixture.engine.outside(|world| {
        world.observed.instance_mut("web").expect("there").phase = InstancePhase::Stopped;
    });
    tokio::time::sleep(ControllerOptions::default().resync * 2).await;
    assert_eq!(fixture.phase("web"), "Ready", "the periodic look finds it");
    fixture.engine.outside(|world| world.observed.instances.clear());
    running.settled().await;
    assert_eq!(fixture.phase("web"), "Ready", "what was deleted by hand is made again");
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn who_fails_waits_longer_each_time_and_keeps_nobody() {
    let engine = SimEngine::new(1)
        .failing(|action| (action.object() == id("instance/bad")).then_some(ErrorClass::Permanent));
    let fixture = Fixture::with(engine);
    fixture.put("bad.yaml", &instance("bad", 1));
    fixture.put("web.yaml", &instance("web", 1));
    let running = Running::start(&fixture, ControllerOptions::default());
    let tried = |state: &ControllerState, times| {
        state.attempts.get(&id("instance/bad")).is_some_and(|bad| bad.times == times)
    };
    let mut waits = Vec::new();
    let mut before = Instant::now();
    for times in 1..8 {
        let state = running.until("a try", |state| tried(state, times)).await;
        let bad = &state.attempts[&id("instance/bad")];
        assert!(bad.error.is_some());
        assert_eq!(bad.stalled, times >= 3, "what fails for ever is told to be stalled");
        waits.push(before.elapsed());
        before = Instant::now();
    }
    assert_eq!(fixture.phase("web"), "Ready");
    // Between half of 1, 2, 4, … seconds and all of it, and a pass.
    for (doubled, wait) in waits[1..].iter().enumerate() {
        let whole = Duration::from_secs(1 << doubled);
        assert!(*wait >= whole / 2 && *wait <= whole * 11 / 10, "{doubled}: {wait:?}");
    }
    // Another wish does not wait for what the last one has to.
    let begun = Instant::now();
    fixture.put("bad.yaml", &instance("bad", 2));
    running.handle.wake();
    running.until("a try", |state| tried(state, 1)).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_new_revision_ends_what_it_supersedes_at_a_safe_point() {
    let engine = SimEngine::new(1).taking(|action| match action.verb() {
        "wait until ready" => Duration::from_secs(600),
        _ => Duration::from_millis(10),
    });
    let fixture = Fixture::with(engine);
    fixture.put("web.yaml", &instance("web", 1));
    fixture.put("db.yaml", &instance("db", 1));
    let running = Running::start(&fixture, ControllerOptions::default());
    running.until("both work", |state| state.busy.len() == 2).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let begun = Instant::now();
    fixture.put("web.yaml", &instance("web", 2));
    running.handle.wake();
    while fixture.cpus("web") != 2 {
        assert!(begun.elapsed() < Duration::from_secs(30), "it waits for the boot");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(running.handle.state().borrow().busy.contains(&id("instance/db")), "db boots on");
    running.settled().await;
    let starts = fixture.log().iter().filter(|line| *line == "start instance/db").count();
    assert_eq!(starts, 1, "db was left alone");
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_same_again_and_again_is_stalled_and_tried_seldom() {
    let engine =
        SimEngine::new(1).normalising(|config| config.cpus = Some(limekiln_api::lima::Int(7)));
    let fixture = Fixture::with(engine);
    fixture.put("web.yaml", &instance("web", 1));
    let running = Running::start(&fixture, ControllerOptions::default());
    let state = running
        .until("stalled", |state| {
            state.attempts.get(&id("instance/web")).is_some_and(|web| web.stalled)
        })
        .await;
    assert_eq!(state.attempts[&id("instance/web")].error, None);
    let before = fixture.engine.performed();
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    let again = fixture.engine.performed() - before;
    assert!(again < 100, "{again} actions in an hour");
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn sources_that_are_gone_or_empty_delete_nothing() {
    let fixture = Fixture::new();
    fixture.put("web.yaml", &instance("web", 1));
    fixture.put("db.yaml", &instance("db", 1));
    let options = ControllerOptions { policy: prune(), ..ControllerOptions::default() };
    let running = Running::start(&fixture, options);
    running.settled().await;
    let (here, away) = (fixture.manifests(), fixture.path("away"));
    std::fs::rename(&here, &away).expect("rename");
    running.handle.wake();
    let state = running.until("an error", |state| !state.source_errors.is_empty()).await;
    assert!(!state.is_settled());
    tokio::time::sleep(Duration::from_secs(60)).await;
    std::fs::create_dir(&here).expect("dir");
    running.settled().await;
    assert_eq!(fixture.instances(), ["db", "web"], "an empty directory takes nothing away");
    std::fs::remove_dir(&here).expect("dir");
    std::fs::rename(&away, &here).expect("rename");
    fixture.remove("db.yaml");
    running.settled().await;
    assert_eq!(fixture.instances(), ["web"], "one of two is within the budget");
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_second_controller_is_told_who_works() {
    let fixture = Fixture::new();
    let first = Running::start(&fixture, ControllerOptions::default());
    first.settled().await;
    let second = Running::start(&fixture, ControllerOptions::default());
    let error = second.task.await.expect("no panic").expect_err("one at a time");
    assert!(error.to_string().contains("the controller (process"), "{error}");
    first.end().await;
}

#[tokio::test(start_paused = true)]
async fn stopped_in_the_middle_it_leaves_a_point_to_go_on_from() {
    let engine = SimEngine::new(1).taking(|_| Duration::from_secs(5));
    let fixture = Fixture::with(engine);
    fixture.put("web.yaml", &instance("web", 1));
    let running = Running::start(&fixture, ControllerOptions::default());
    running.until("work", |state| !state.busy.is_empty()).await;
    tokio::time::sleep(Duration::from_secs(7)).await;
    let begun = Instant::now();
    running.end().await;
    assert!(begun.elapsed() <= Duration::from_secs(2), "{:?}", begun.elapsed());
    let settled = fixture.apply(Policy::default()).await;
    assert!(settled.end == End::Settled);
    assert_eq!(fixture.phase("web"), "Ready");
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_panics_ends_nothing() {
    let fixture = Fixture::new();
    fixture.engine.inject(Fault { at: 1, kind: FaultKind::Panic });
    fixture.put("web.yaml", &instance("web", 1));
    let running = Running::start(&fixture, ControllerOptions::default());
    running.settled().await;
    assert_eq!(fixture.phase("web"), "Ready");
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_suspended_by_hand_is_left_alone_until_it_is_resumed() {
    let fixture = Fixture::new();
    fixture.put("web.yaml", &instance("web", 1));
    fixture.put("db.yaml", &instance("db", 1));
    let options = ControllerOptions { policy: prune(), ..ControllerOptions::default() };
    let running = Running::start(&fixture, options);
    running.settled().await;
    let web = id("instance/web");
    let home = fixture.reconciler.home();
    let suspend = |requests: &mut Requests| requests.suspended.insert(web.clone());
    Requests::change(home, |requests| assert!(suspend(requests))).expect("written");
    fixture.put("web.yaml", &instance("web", 2));
    running.settled().await;
    assert_eq!(fixture.cpus("web"), 1);
    fixture.remove("web.yaml");
    running.settled().await;
    assert_eq!(fixture.instances(), ["db", "web"], "not pruned either");
    fixture.put("web.yaml", &instance("web", 2));
    Requests::change(home, |requests| assert!(requests.suspended.remove(&web))).expect("written");
    running.settled().await;
    assert_eq!(fixture.cpus("web"), 2);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_prune_that_runs_ends_when_its_object_is_suspended() {
    let engine = SimEngine::new(1).taking(|action| match action.verb() {
        "stop" => Duration::from_secs(180),
        _ => Duration::from_millis(10),
    });
    let fixture = Fixture::with(engine);
    fixture.put("web.yaml", &instance("web", 1));
    fixture.put("db.yaml", &instance("db", 1));
    let options = ControllerOptions { policy: prune(), ..ControllerOptions::default() };
    let running = Running::start(&fixture, options);
    running.settled().await;
    fixture.remove("web.yaml");
    running.handle.wake();
    let web = id("instance/web");
    running.until("the prune", |state| state.busy.contains(&web)).await;
    Requests::suspend(fixture.reconciler.home(), std::slice::from_ref(&web)).expect("written");
    running.settled().await;
    assert_eq!(fixture.instances(), ["db", "web"]);
    let log = fixture.log();
    assert!(!log.iter().any(|line| line.starts_with("park ")), "{log:?}");
    Requests::resume(fixture.reconciler.home(), &[web]).expect("written");
    running.settled().await;
    assert_eq!(fixture.instances(), ["db"]);
    running.end().await;
}

/// A controller that prunes, over a source that has lost more than its budget.
async fn two_of_three_are_gone(fixture: &Fixture) -> (Running, ControllerState) {
    for name in ["a", "b", "c"] {
        fixture.put(&format!("{name}.yaml"), &instance(name, 1));
    }
    let options = ControllerOptions { policy: prune(), ..ControllerOptions::default() };
    let running = Running::start(fixture, options);
    running.settled().await;
    fixture.remove("b.yaml");
    fixture.remove("c.yaml");
    let state = running.settled().await;
    (running, state)
}

#[tokio::test(start_paused = true)]
async fn more_than_the_budget_goes_only_when_this_revision_was_acknowledged() {
    let fixture = Fixture::new();
    let (running, state) = two_of_three_are_gone(&fixture).await;
    assert_eq!(fixture.instances(), ["a", "b", "c"], "two of three are too many");
    let revision = state.planned.expect("planned").desired.revision.clone();
    let acknowledge = |revision: String| {
        Requests::change(fixture.reconciler.home(), |requests| {
            requests.deletions = [OfSource::any(revision)].into();
        })
        .expect("written");
    };
    acknowledge("another".to_owned());
    running.settled().await;
    assert_eq!(fixture.instances().len(), 3);
    acknowledge(revision);
    running.settled().await;
    assert_eq!(fixture.instances(), ["a"]);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_acknowledged_once_is_asked_for_when_it_comes_back() {
    let fixture = Fixture::new();
    let options = || ControllerOptions { policy: prune(), ..ControllerOptions::default() };
    let put = || {
        for name in ["a", "b"] {
            fixture.put(&format!("{name}.yaml"), &instance(name, 1));
        }
    };
    let empty = || ["a.yaml", "b.yaml"].map(|file| fixture.remove(file));
    let home = fixture.reconciler.home();
    put();
    let running = Running::start(&fixture, options());
    running.settled().await;
    empty();
    let state = running.settled().await;
    let revisions = state.planned.expect("planned").desired.revisions.clone();
    let (source, revision) = revisions.iter().next().expect("one");
    Requests::let_go(home, [OfSource::new(source, revision)]).expect("written");
    running.settled().await;
    assert_eq!(fixture.instances().len(), 0, "acknowledged");
    // Also one that begins anew knows that it was in force.
    running.end().await;
    put();
    let running = Running::start(&fixture, options());
    running.settled().await;
    assert_eq!(fixture.instances(), ["a", "b"]);
    // What is given ahead of it waits for it.
    Requests::let_go(home, [OfSource::new(source, "another")]).expect("written");
    empty();
    running.settled().await;
    assert_eq!(fixture.instances(), ["a", "b"], "nobody was asked");
    let read = Requests::read(home).expect("readable");
    assert_eq!(read.deletions, [OfSource::new(source, "another")].into());
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_first_look_that_is_out_of_date_lets_no_more_go_than_the_budget() {
    let fixture = Fixture::new();
    for name in ["a", "b", "c"] {
        fixture.put(&format!("{name}.yaml"), &instance(name, 1));
    }
    let options = || ControllerOptions { policy: prune(), ..ControllerOptions::default() };
    let running = Running::start(&fixture, options());
    running.settled().await;
    running.end().await;
    let mut old = fixture.engine.look();
    old.instances.remove("c");
    fixture.engine.serve_stale(old);
    fixture.remove("b.yaml");
    fixture.remove("c.yaml");
    let running = Running::start(&fixture, options());
    running.settled().await;
    assert_eq!(fixture.instances(), ["a", "b", "c"], "two of three are too many");
    running.end().await;
}

/// Why an object waits, and what to do about it.
fn hint(state: &ControllerState, object: &str) -> String {
    let planned = state.planned.as_ref().expect("planned");
    let waiting = planned.report.waiting.get(&id(object)).expect("it waits");
    waiting[0].hint.clone().expect("a hint")
}

#[tokio::test(start_paused = true)]
async fn of_several_sources_each_is_acknowledged_by_its_own_revision() {
    let fixture = Fixture::new();
    std::fs::create_dir(fixture.path("n")).expect("writable");
    for file in ["a", "b", "c", "../n/d", "../n/e", "../n/f"] {
        let name = file.rsplit('/').next().expect("a name");
        fixture.put(&format!("{file}.yaml"), &instance(name, 1));
    }
    let options = ControllerOptions { policy: prune(), ..ControllerOptions::default() };
    let intake = fixture.intake_of(&["m", "n"]);
    let running = Running::over(&fixture, intake, options);
    running.settled().await;
    for file in ["b", "c", "../n/e", "../n/f"] {
        fixture.remove(&format!("{file}.yaml"));
    }
    let state = running.settled().await;
    assert_eq!(fixture.instances().len(), 6, "four of six are too many");
    let revisions = state.planned.as_ref().expect("planned").desired.revisions.clone();
    let of = |dir: &str| {
        let source = fixture.path(dir).canonicalize().expect("there").display().to_string();
        (revisions[&source].clone(), source)
    };
    let ((m, at_m), (n, at_n)) = (of("m"), of("n"));
    let command = |of: &str, at: &str| format!("`limekiln ack --prune {of} --source {at}`");
    assert!(hint(&state, "instance/b").contains(&command(&m, &at_m)), "{state:?}");
    assert!(hint(&state, "instance/e").contains(&command(&n, &at_n)), "{state:?}");
    let home = fixture.reconciler.home();
    let let_go = |at: &str, of: &str| {
        Requests::let_go(home, [OfSource::new(at, of)]).expect("written");
    };
    // That of the wrong source is none.
    let_go(&at_m, &n);
    running.settled().await;
    assert_eq!(fixture.instances().len(), 6);
    // That of one source lets go of it alone.
    let_go(&at_m, &m);
    let state = running.settled().await;
    assert_eq!(fixture.instances(), ["a", "d", "e", "f"], "of the other source nothing was said");
    assert!(hint(&state, "instance/e").contains(&command(&n, &at_n)), "{state:?}");
    let_go(&at_n, &n);
    running.settled().await;
    assert_eq!(fixture.instances(), ["a", "d"]);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn who_follows_a_commit_lets_nothing_go() {
    let fixture = Fixture::new();
    let (running, state) = two_of_three_are_gone(&fixture).await;
    let revision = &state.planned.as_ref().expect("planned").desired.revision;
    Requests::follow(fixture.reconciler.home(), OfSource::any(revision)).expect("written");
    running.settled().await;
    assert_eq!(fixture.instances(), ["a", "b", "c"]);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_source_has_that_cannot_be_read_is_taken_over_by_no_other() {
    let fixture = Fixture::new();
    std::fs::create_dir(fixture.path("n")).expect("writable");
    fixture.put("web.yaml", &instance("web", 1));
    let begin = || {
        let options = ControllerOptions { policy: prune(), ..ControllerOptions::default() };
        Running::over(&fixture, fixture.sources_of(&["m", "n"]), options)
    };
    let running = begin();
    running.settled().await;
    running.end().await;
    // A host that starts while a file system is not mounted, and somebody who takes the name.
    fixture.put("../n/web.yaml", &instance("web", 2));
    std::fs::rename(fixture.path("m"), fixture.path("away")).expect("renamed");
    let running = begin();
    running.looked().await;
    running.looked().await;
    let state = running.until("rest", |state| state.busy.is_empty()).await;
    let planned = state.planned.as_ref().expect("planned");
    assert!(planned.desired.frozen[&id("instance/web")].why.contains("cannot be read"));
    assert_eq!(fixture.cpus("web"), 1, "it is the other's");
    // Both are there: it is claimed twice, and nobody acts on it.
    std::fs::rename(fixture.path("away"), fixture.path("m")).expect("renamed");
    running.looked().await;
    running.looked().await;
    assert_eq!(fixture.cpus("web"), 1);
    running.end().await;
}
