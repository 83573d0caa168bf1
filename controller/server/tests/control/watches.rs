//! What is told as it changes.

use std::time::Duration;

use limekiln_model::InstancePhase;
use limekiln_proto::v1alpha1 as wire;
use tokio::time::timeout;
use tonic::Streaming;
use wire::object_change::Type;

use crate::fixture::{Client, Fixture, named, reference};

async fn next<T>(stream: &mut Streaming<T>) -> T {
    let next = timeout(Duration::from_secs(20), stream.message()).await.expect("in time");
    next.expect("no error").expect("not the end")
}

async fn watch(client: &mut Client, from: &str) -> Streaming<wire::ObjectChange> {
    let request = wire::WatchObjectsRequest { resume_version: from.into(), ..Default::default() };
    client.watch_objects(request).await.expect("it begins").into_inner()
}

/// Until all is told: what was told on the way, and the version.
async fn synced(stream: &mut Streaming<wire::ObjectChange>) -> (Vec<(Type, String)>, String) {
    let mut told = Vec::new();
    loop {
        let change = next(stream).await;
        match change.r#type() {
            Type::Synced => return (told, change.version),
            Type::Resync => told.push((Type::Resync, String::new())),
            kind => told.push((kind, named(change.object.as_ref()))),
        }
    }
}

/// Until an object is so.
async fn until(
    stream: &mut Streaming<wire::ObjectChange>,
    mut holds: impl FnMut(&wire::ObjectChange) -> bool,
) -> wire::ObjectChange {
    loop {
        let change = next(stream).await;
        if holds(&change) {
            return change;
        }
    }
}

fn phase(change: &wire::ObjectChange) -> &str {
    let status = change.object.as_ref().and_then(|object| object.status.as_ref());
    status.map(|status| status.phase.as_str()).unwrap_or_default()
}

#[tokio::test]
async fn several_watch_and_each_is_told_all() {
    let fixture = Fixture::new(&[("web", "")]).await;
    fixture.settled().await;
    let (mut one, mut other) = (fixture.client().await, fixture.client().await);
    let mut watches = [watch(&mut one, "").await, watch(&mut other, "").await];
    for watched in &mut watches {
        let (told, _) = synced(watched).await;
        assert_eq!(told, [(Type::Updated, "instance/web".to_owned())]);
    }
    fixture.put("db", "");
    fixture.handle.wake();
    for watched in &mut watches {
        let is_db = |one: &wire::ObjectChange| {
            named(one.object.as_ref()) == "instance/db" && phase(one) == "Ready"
        };
        until(watched, is_db).await;
    }
    fixture.remove("db");
    fixture.handle.wake();
    for watched in &mut watches {
        let gone = until(watched, |one| one.r#type() == Type::Gone).await;
        assert_eq!(named(gone.object.as_ref()), "instance/db");
    }
    fixture.end().await;
}

#[tokio::test]
async fn who_comes_back_is_told_what_he_missed_and_after_a_restart_all() {
    let mut fixture = Fixture::new(&[("web", "")]).await;
    fixture.settled().await;
    let mut client = fixture.client().await;
    let (_, version) = synced(&mut watch(&mut client, "").await).await;
    fixture.put("db", "");
    fixture.settled().await;
    let mut again = watch(&mut client, &version).await;
    let (told, version) = synced(&mut again).await;
    // Both: of the other one, the revision that it is compared with has changed.
    assert_eq!(told, ["db", "web"].map(|name| (Type::Updated, format!("instance/{name}"))));
    let (told, version) = synced(&mut watch(&mut client, &version).await).await;
    assert_eq!(told, [], "nothing has changed since");
    fixture.end_server();
    fixture.serve();
    let mut client = fixture.client().await;
    let (told, _) = synced(&mut watch(&mut client, &version).await).await;
    assert_eq!(told[0].0, Type::Resync);
    assert_eq!(told.len(), 3, "{told:?}");
    fixture.end().await;
}

#[tokio::test]
async fn who_does_not_read_holds_up_nobody_and_gets_the_last_state() {
    let fixture = Fixture::new(&[("web", "  suspend: true\n"), ("db", "")]).await;
    fixture.settled().await;
    let mut client = fixture.client().await;
    let mut idle = watch(&mut client, "").await;
    let mut busy = fixture.client().await;
    let mut reading = watch(&mut busy, "").await;
    synced(&mut reading).await;
    // Of one object, far more changes than fit into any window.
    for round in 0..40 {
        let phase = if round % 2 == 0 { InstancePhase::Stopped } else { InstancePhase::Booting };
        fixture.engine.outside(|world| {
            world.observed.instance_mut("db").expect("there").waiting_for =
                Some(format!("{round} {}", "x".repeat(100_000)));
            let _ = phase;
        });
        fixture.handle.wake();
        let wanted = format!("{round} ");
        until(&mut reading, |one| match one.object.as_ref().and_then(|o| o.details.as_ref()) {
            Some(wire::object::Details::Instance(db)) => db.waiting_for.starts_with(&wanted),
            _ => false,
        })
        .await;
    }
    fixture.engine.outside(|world| {
        world.observed.instance_mut("db").expect("there").waiting_for = Some("end".into());
    });
    let mut messages = 0;
    until(&mut idle, |one| {
        messages += 1;
        match one.object.as_ref().and_then(|object| object.details.as_ref()) {
            Some(wire::object::Details::Instance(db)) => db.waiting_for == "end",
            _ => false,
        }
    })
    .await;
    assert!(messages < 30, "{messages} were kept for one who does not read");
    fixture.end().await;
}

#[tokio::test]
async fn events_come_as_they_happen_and_can_be_resumed() {
    let mut fixture = Fixture::new(&[("web", "")]).await;
    fixture.settled().await;
    let mut client = fixture.client().await;
    let request = wire::WatchEventsRequest { limit: 1, ..Default::default() };
    let mut events = client.watch_events(request).await.expect("it begins").into_inner();
    let first = next(&mut events).await;
    assert_eq!(first.event.expect("one").object, Some(reference("instance/web")));
    fixture.put("db", "");
    fixture.handle.wake();
    let mut verbs = Vec::new();
    let mut version = String::new();
    while verbs.last().map(String::as_str) != Some("wait until ready") {
        let change = next(&mut events).await;
        let event = change.event.expect("one");
        assert_eq!(event.object, Some(reference("instance/db")));
        if verbs.is_empty() {
            version = change.version;
        }
        verbs.push(event.verb);
    }
    assert_eq!(verbs, ["fetch image", "create", "start", "wait until ready"]);
    let request = |from: &str| wire::WatchEventsRequest {
        resume_version: from.to_owned(),
        ..Default::default()
    };
    let mut again = client.watch_events(request(&version)).await.expect("resumed").into_inner();
    assert_eq!(next(&mut again).await.event.expect("one").verb, "create");
    fixture.end_server();
    fixture.serve();
    let mut client = fixture.client().await;
    let mut again = client.watch_events(request(&version)).await.expect("anew").into_inner();
    assert!(next(&mut again).await.missed, "versions of another process mean nothing");
    assert!(next(&mut again).await.event.is_some());
    fixture.end().await;
}
