//! Plans of others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use limekiln_engine_sim::SimEngine;
use limekiln_model::{Name, StopMode};
use limekiln_proto::v1alpha1 as wire;
use limekiln_reconciler::{Planned, RunVerb};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};
use wire::apply_request::Request as Wish;
use wire::apply_response::Response as Told;

use crate::fixture::{BOOT, Fixture, id, slow_boots};

type Wishes = mpsc::Sender<wire::ApplyRequest>;

async fn order(
    fixture: &Fixture,
    planned: &Planned,
    patience: Option<Duration>,
) -> Result<(Streaming<wire::ApplyResponse>, Wishes), Status> {
    send(fixture, fixture.reconciler.save(planned).to_json(), patience).await
}

async fn send(
    fixture: &Fixture,
    plan_json: Vec<u8>,
    patience: Option<Duration>,
) -> Result<(Streaming<wire::ApplyResponse>, Wishes), Status> {
    let (wishes, taken) = mpsc::channel(4);
    let patience = patience.map(limekiln_server::convert::duration);
    let order = wire::Order { plan_json, patience };
    let first = wire::ApplyRequest { request: Some(Wish::Order(order)) };
    wishes.send(first).await.expect("room");
    let told = fixture.client().await.apply(ReceiverStream::new(taken)).await?;
    Ok((told.into_inner(), wishes))
}

/// The outcomes of the steps, at the end.
async fn finished(told: &mut Streaming<wire::ApplyResponse>) -> Vec<wire::step_outcome::Type> {
    loop {
        let next = told.message().await.expect("no error").expect("not the end");
        if let Some(Told::Finished(finished)) = next.response {
            return finished.outcomes.iter().map(wire::StepOutcome::r#type).collect();
        }
    }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

async fn run(fixture: &Fixture, instance: &str, verb: RunVerb) -> Planned {
    fixture.reconciler.plan_run(&[name(instance)], verb).await.expect("planned")
}

const STOP: RunVerb = RunVerb::Stop(StopMode::Graceful);

#[tokio::test]
async fn what_nobody_keeps_is_made_and_stopped_beside_the_controller() {
    let fixture = Fixture::new(&[("web", "")]).await;
    fixture.settled().await;
    let planned = fixture.plan_other("lone", "").await;
    let (mut told, _wishes) = order(&fixture, &planned, None).await.expect("accepted");
    let first = told.message().await.expect("no error").expect("not the end").response;
    assert!(matches!(first, Some(Told::Accepted(_))), "{first:?}");
    assert!(finished(&mut told).await.iter().all(|one| *one == wire::step_outcome::Type::Done));
    assert!(told.message().await.expect("no error").is_none(), "that was the end");
    assert_eq!(fixture.phase("lone"), "Ready");
    let claims = fixture.reconciler.claims().expect("readable");
    let owner = &claims.by_id[&id("instance/lone")].owner;
    assert!(owner.origin.file.ends_with("other/lone.yaml"), "{owner:?}");
    let stop = run(&fixture, "lone", STOP).await;
    finished(&mut order(&fixture, &stop, None).await.expect("accepted").0).await;
    assert_eq!(fixture.phase("lone"), "Stopped");
    // The controller has no wish about it, and does not start it again.
    fixture.settled().await;
    fixture.settled().await;
    assert_eq!((fixture.phase("lone"), fixture.phase("web")), ("Stopped", "Ready"));
    fixture.end().await;
}

#[tokio::test]
async fn what_the_controller_keeps_is_left_to_it_unless_it_is_suspended() {
    let manual = "  runStrategy: Manual\n";
    let fixture = Fixture::new(&[("web", ""), ("hand", manual)]).await;
    fixture.settled().await;
    let stop = run(&fixture, "web", STOP).await;
    let error = order(&fixture, &stop, None).await.expect_err("it would be started again");
    assert_eq!(error.code(), Code::FailedPrecondition);
    assert!(error.message().starts_with("instance/web is kept by the controller from "), "{error}");
    let hint = error.metadata().get_bin("hint-bin").expect("a hint").to_bytes().expect("bytes");
    assert!(String::from_utf8_lossy(&hint).contains("limekiln suspend instance/web"));
    let edit = fixture.plan_other("web", "  maxDisruption: Live\n").await;
    if !edit.plan.is_empty() {
        order(&fixture, &edit, None).await.expect_err("its manifest is the controller's");
    }
    // A restart ends where the manifest wants it, and what is started by hand has no other wish.
    let restart = run(&fixture, "web", RunVerb::Restart).await;
    finished(&mut order(&fixture, &restart, None).await.expect("accepted").0).await;
    let start = run(&fixture, "hand", RunVerb::Start).await;
    finished(&mut order(&fixture, &start, None).await.expect("accepted").0).await;
    assert_eq!(fixture.phase("hand"), "Ready");
    let mut client = fixture.client().await;
    let objects = vec![crate::fixture::reference("instance/web")];
    client.suspend(wire::SuspendRequest { objects }).await.expect("suspended");
    let stop = run(&fixture, "web", STOP).await;
    finished(&mut order(&fixture, &stop, None).await.expect("accepted").0).await;
    fixture.settled().await;
    assert_eq!(fixture.phase("web"), "Stopped");
    fixture.end().await;
}

#[tokio::test]
async fn what_a_manifest_describes_and_is_not_ours_is_worked_on_by_hand() {
    let fixture = Fixture::new(&[("web", "")]).await;
    fixture.settled().await;
    std::fs::remove_dir_all(fixture.reconciler.home().dir().join("owners")).expect("there");
    fixture.handle.wake();
    let web = id("instance/web");
    fixture
        .until("it is nobody's", |state| {
            let planned = state.planned.as_ref();
            planned.is_some_and(|planned| !planned.observed.owners.contains_key(&web))
        })
        .await;
    let stop = run(&fixture, "web", STOP).await;
    finished(&mut order(&fixture, &stop, None).await.expect("accepted").0).await;
    let passes = fixture.handle.state().borrow().passes;
    fixture.until("looks", |state| state.passes > passes + 1).await;
    assert_eq!(fixture.phase("web"), "Stopped", "the controller does nothing to it");
    fixture.end().await;
}

#[tokio::test]
async fn a_plan_that_does_not_fit_any_more_is_refused() {
    let fixture = Fixture::new(&[("web", "")]).await;
    fixture.settled().await;
    let planned = fixture.plan_other("lone", "").await;
    finished(&mut order(&fixture, &planned, None).await.expect("accepted").0).await;
    let performed = fixture.engine.performed();
    let error = order(&fixture, &planned, None).await.expect_err("it is there already");
    assert_eq!(error.code(), Code::FailedPrecondition);
    assert!(error.message().contains("out of date"), "{error}");
    let mut unsound = run(&fixture, "lone", STOP).await;
    Arc::make_mut(&mut unsound.plan.basis).observed.clear();
    order(&fixture, &unsound, None).await.expect_err("it breaks a rule of plans");
    let error = send(&fixture, b"{}".to_vec(), None).await.expect_err("no plan");
    assert_eq!(error.code(), Code::InvalidArgument);
    let newer = send(&fixture, b"{\"version\":99}".to_vec(), None).await.expect_err("newer");
    assert!(newer.message().contains("version 99"), "{newer}");
    assert_eq!(fixture.engine.performed(), performed, "nothing was done");
    fixture.end().await;
}

#[tokio::test]
async fn busy_objects_are_waited_for_and_not_for_ever() {
    let fixture = Fixture::with(SimEngine::new(1).taking(slow_boots), &[]).await;
    fixture.settled().await;
    let planned = fixture.plan_other("lone", "").await;
    let (mut boots, _wishes) = order(&fixture, &planned, None).await.expect("accepted");
    while fixture.phase("lone") != "Booting" {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let restart = run(&fixture, "lone", RunVerb::Restart).await;
    let begun = Instant::now();
    let error = order(&fixture, &restart, Some(Duration::from_millis(300))).await;
    let error = error.expect_err("it is busy");
    assert_eq!(error.code(), Code::Aborted);
    assert!(error.message().contains("works on instance/lone"), "{error}");
    assert!(begun.elapsed() < BOOT, "{:?}", begun.elapsed());
    let stop = run(&fixture, "lone", STOP).await;
    // When its turn comes, the plan is held against what is there then.
    let error = order(&fixture, &stop, None).await.expect_err("it has booted meanwhile");
    assert!(error.message().contains("out of date"), "{error}");
    finished(&mut boots).await;
    fixture.end().await;
}

#[tokio::test]
async fn who_cancels_is_told_where_it_ended_and_who_goes_away_cancels() {
    let fixture = Fixture::with(SimEngine::new(1).taking(|_| BOOT * 10), &[]).await;
    fixture.settled().await;
    let planned = fixture.plan_other("lone", "").await;
    let (mut told, wishes) = order(&fixture, &planned, None).await.expect("accepted");
    let cancel = wire::ApplyRequest { request: Some(Wish::Cancel(wire::Cancel {})) };
    wishes.send(cancel).await.expect("room");
    let begun = Instant::now();
    let outcomes = finished(&mut told).await;
    assert!(outcomes.contains(&wire::step_outcome::Type::Cancelled), "{outcomes:?}");
    assert!(begun.elapsed() < BOOT, "{:?}", begun.elapsed());

    let planned = fixture.plan_other("lone", "").await;
    let (told, wishes) = order(&fixture, &planned, None).await.expect("accepted");
    fixture.until("it works", |state| !state.busy.is_empty()).await;
    drop((told, wishes));
    fixture.until("it has ended", |state| state.busy.is_empty()).await;
    assert!(begun.elapsed() < BOOT * 2, "{:?}", begun.elapsed());
    fixture.end().await;
}

#[tokio::test]
async fn a_controller_that_ends_tells_those_who_ordered() {
    let fixture = Fixture::with(SimEngine::new(1).taking(|_| BOOT * 10), &[]).await;
    fixture.settled().await;
    let planned = fixture.plan_other("lone", "").await;
    let (mut told, _wishes) = order(&fixture, &planned, None).await.expect("accepted");
    let end = tokio::spawn(fixture.end());
    let outcomes = finished(&mut told).await;
    assert!(outcomes.contains(&wire::step_outcome::Type::Cancelled), "{outcomes:?}");
    end.await.expect("it ends");
}

#[tokio::test]
async fn a_manifest_that_comes_to_want_the_object_takes_over() {
    let fixture = Fixture::with(SimEngine::new(1).taking(slow_boots), &[]).await;
    fixture.settled().await;
    let planned = fixture.plan_other("lone", "").await;
    let (mut told, _wishes) = order(&fixture, &planned, None).await.expect("accepted");
    fixture.until("it works", |state| !state.busy.is_empty()).await;
    fixture.put("lone", "  runStrategy: Halted\n");
    fixture.handle.wake();
    let outcomes = finished(&mut told).await;
    assert!(outcomes.contains(&wire::step_outcome::Type::Cancelled), "{outcomes:?}");
    fixture.end().await;
}
