//! What is told once.

use std::time::{Duration, Instant};

use limekiln_engine::ErrorClass;
use limekiln_engine_sim::SimEngine;
use limekiln_proto::v1alpha1 as wire;
use tonic::Code;

use crate::fixture::{Fixture, id, named, reference, slow_boots};

#[tokio::test]
async fn objects_are_listed_with_what_the_controller_makes_of_them() {
    let fixture = Fixture::new(&[("web", ""), ("db", "")]).await;
    fixture.settled().await;
    let mut client = fixture.client().await;
    let all = client.list_objects(wire::ListObjectsRequest::default()).await.expect("told");
    let all = all.into_inner().objects;
    assert_eq!(
        all.iter().map(|one| named(Some(one))).collect::<Vec<_>>(),
        ["instance/db", "instance/web"]
    );
    let web = client.get_object(wire::GetObjectRequest { object: Some(reference("instance/web")) });
    let web = web.await.expect("there").into_inner();
    let status = web.status.as_ref().expect("told");
    let types: Vec<_> = status.conditions.iter().map(|one| one.r#type.as_str()).collect();
    assert_eq!(types, ["Ready", "Reconciling", "Stalled", "RestartRequired", "Drifted"]);
    assert!(status.conditions.iter().all(|one| one.last_transition_time.is_some()));
    assert!(!status.observed_revision.is_empty());
    let spec: serde_json::Value = serde_json::from_str(&web.spec_json).expect("JSON");
    assert_eq!(spec["template"]["cpus"], 1);
    assert!(all[1].spec_json.is_empty(), "it was not asked for");
    let known = web.reconciliation.expect("the controller has it");
    assert!(!known.busy && known.waits.is_empty() && known.tries == 0, "{known:?}");
    let stranger = wire::GetObjectRequest { object: Some(reference("disk/none")) };
    let error = client.get_object(stranger).await.expect_err("there is none");
    assert_eq!(error.code(), Code::NotFound);
    let nothing = client.get_object(wire::GetObjectRequest::default()).await.expect_err("unnamed");
    assert_eq!(nothing.code(), Code::InvalidArgument);
    let plan = client.get_plan(wire::GetPlanRequest {}).await.expect("told").into_inner();
    assert!(plan.steps.is_empty() && plan.revision == status.observed_revision);
    let state = client.get_controller(wire::GetControllerRequest {}).await.expect("told");
    let state = state.into_inner();
    assert!(state.settled && state.passes > 0 && state.pid == std::process::id(), "{state:?}");
    fixture.end().await;
}

#[tokio::test]
async fn pages_follow_each_other_without_gap() {
    let fixture = Fixture::new(&[("a", ""), ("b", ""), ("c", ""), ("d", ""), ("e", "")]).await;
    fixture.settled().await;
    let mut client = fixture.client().await;
    let mut seen = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = wire::ListObjectsRequest { page_size: 2, page_token, ..Default::default() };
        let page = client.list_objects(request).await.expect("told").into_inner();
        assert!(page.objects.len() <= 2);
        seen.extend(page.objects.iter().map(|one| named(Some(one))));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["a", "b", "c", "d", "e"].map(|name| format!("instance/{name}")));
    let request = wire::ListObjectsRequest { page_token: "x".into(), ..Default::default() };
    let error = client.list_objects(request).await.expect_err("from nobody");
    assert_eq!(error.code(), Code::InvalidArgument);
    fixture.end().await;
}

#[tokio::test]
async fn who_waits_is_told_for_what_and_until_when() {
    let depends = "  dependsOn: [{kind: Instance, name: db}]\n";
    let engine = SimEngine::new(1)
        .taking(slow_boots)
        .failing(|action| (action.object() == id("instance/bad")).then_some(ErrorClass::Permanent));
    let fixture = Fixture::with(engine, &[("web", depends), ("db", ""), ("bad", "")]).await;
    let tried = |times: u32| {
        move |state: &limekiln_reconciler::ControllerState| {
            state.attempts.get(&id("instance/bad")).is_some_and(|bad| bad.times >= times)
        }
    };
    fixture.until("a try", tried(1)).await;
    let mut client = fixture.client().await;
    let get = |name: &str| wire::GetObjectRequest { object: Some(reference(name)) };
    let bad = client.get_object(get("instance/bad")).await.expect("wanted").into_inner();
    assert!(!bad.exists);
    assert_eq!(bad.status.expect("told").phase, "Pending");
    let known = bad.reconciliation.expect("wanted");
    assert!(known.tries >= 1 && !known.last_error.is_empty() && known.next_try.is_some());
    let begun = Instant::now();
    loop {
        let web = client.get_object(get("instance/web")).await.expect("wanted").into_inner();
        let waits = web.reconciliation.map(|known| known.waits).unwrap_or_default();
        if let Some(wait) = waits.iter().find(|wait| wait.message.contains(": Ready, which is")) {
            assert_eq!(wait.on, Some(reference("instance/db")));
            assert!(wait.message.starts_with("waits for instance/db: Ready, which is Booting"));
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{waits:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    fixture.end().await;
}

#[tokio::test]
async fn equal_events_are_one_with_a_count() {
    let engine = SimEngine::new(1)
        .failing(|action| (action.object() == id("instance/bad")).then_some(ErrorClass::Permanent));
    let fixture = Fixture::with(engine, &[("web", ""), ("bad", "")]).await;
    let tried = |state: &limekiln_reconciler::ControllerState| {
        state.attempts.get(&id("instance/bad")).is_some_and(|bad| bad.times >= 2)
    };
    fixture.until("two tries", tried).await;
    let mut client = fixture.client().await;
    let filter = wire::ObjectFilter { objects: vec![reference("instance/bad")], kinds: vec![] };
    let request = wire::ListEventsRequest { filter: Some(filter), ..Default::default() };
    let events = client.list_events(request).await.expect("told").into_inner().events;
    let failed = events.iter().find(|one| one.outcome() == wire::EventOutcome::Failed);
    let failed = failed.expect("it failed");
    assert!(failed.count >= 2 && !failed.message.is_empty(), "{failed:?}");
    let seconds = |time: &Option<prost_types::Timestamp>| {
        limekiln_server::convert::to_timestamp(time.as_ref())
    };
    assert!(seconds(&failed.first_time) < seconds(&failed.last_time));
    let last = wire::ListEventsRequest { limit: 1, ..Default::default() };
    assert_eq!(client.list_events(last).await.expect("told").into_inner().events.len(), 1);
    fixture.end().await;
}
