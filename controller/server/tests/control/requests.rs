//! What people ask for.

use limekiln_proto::v1alpha1 as wire;
use tonic::Code;
use wire::rollback_request::To;

use crate::fixture::{Fixture, reference};

#[tokio::test]
async fn what_is_suspended_is_left_alone_until_it_is_resumed() {
    let fixture = Fixture::new(&[("web", "")]).await;
    fixture.settled().await;
    let mut client = fixture.client().await;
    let objects = vec![reference("instance/web")];
    let suspend = wire::SuspendRequest { objects: objects.clone() };
    let changed = client.suspend(suspend.clone()).await.expect("done").into_inner().changed;
    assert_eq!(changed, objects);
    let changed = client.suspend(suspend).await.expect("done").into_inner().changed;
    assert!(changed.is_empty(), "it was already");
    fixture.put("web", "  runStrategy: Halted\n");
    fixture.settled().await;
    assert_eq!(fixture.phase("web"), "Ready");
    client.resume(wire::ResumeRequest { objects }).await.expect("done");
    fixture.settled().await;
    assert_eq!(fixture.phase("web"), "Stopped");
    let error = client.suspend(wire::SuspendRequest::default()).await.expect_err("nothing named");
    assert_eq!(error.code(), Code::InvalidArgument);
    fixture.end().await;
}

#[tokio::test]
async fn much_is_deleted_when_it_is_acknowledged() {
    let fixture = Fixture::new(&[("a", ""), ("b", ""), ("c", "")]).await;
    fixture.settled().await;
    fixture.remove("b");
    fixture.remove("c");
    fixture.settled().await;
    assert_eq!(fixture.phase("b"), "Ready", "that is more than its budget");
    let mut client = fixture.client().await;
    let plan = client.get_plan(wire::GetPlanRequest {}).await.expect("told").into_inner();
    assert_eq!(plan.waiting.len(), 2);
    let request = |kind: wire::AcknowledgeKind| wire::AcknowledgeRequest {
        revision: plan.revision.clone(),
        kind: kind.into(),
        source: String::new(),
    };
    let refused = client.acknowledge(request(wire::AcknowledgeKind::Rewind)).await;
    assert_eq!(refused.expect_err("a digest is no commit").code(), Code::InvalidArgument);
    client.acknowledge(request(wire::AcknowledgeKind::Deletions)).await.expect("done");
    fixture
        .until("gone", |state| {
            state.planned.as_ref().is_some_and(|planned| planned.observed.instances.len() == 1)
        })
        .await;
    fixture.end().await;
}

#[tokio::test]
async fn revisions_are_listed_and_gone_back_to() {
    let fixture = Fixture::new(&[("web", "")]).await;
    fixture.settled().await;
    fixture.put("web", "  runStrategy: Halted\n");
    fixture.settled().await;
    let mut client = fixture.client().await;
    let (include_files, include_plans) = (true, true);
    let list = wire::ListRevisionsRequest { include_files, include_plans, ..Default::default() };
    let mut told = client.list_revisions(list).await.expect("told").into_inner();
    let mut all = Vec::new();
    while let Some(one) = told.message().await.expect("no error") {
        all.push(one);
    }
    assert_eq!(all.iter().map(|one| one.newest).collect::<Vec<_>>(), [false, true]);
    assert!(all[1].files[0].text.contains("Halted") && all[0].file_count == 1);
    let made = &all[0].plans[0];
    let created = made.steps.iter().find(|step| step.verb == "create").expect("it was made");
    assert_eq!(created.outcome(), wire::EventOutcome::Done);
    assert!(made.took.is_some() && created.took.is_some() && !made.under_way, "{made:?}");
    let to = |to| wire::RollbackRequest { to: Some(to), ..Default::default() };
    let back = to(To::Revision(all[0].revision[..12].to_owned()));
    let back = client.rollback(back).await.expect("done").into_inner();
    assert_eq!((back.revision, back.left), (all[0].revision.clone(), all[1].revision.clone()));
    fixture.settled().await;
    assert_eq!(fixture.phase("web"), "Ready");
    let mut elsewhere = to(To::Revision(all[1].revision.clone()));
    elsewhere.source = "git:another".to_owned();
    let error = client.rollback(elsewhere).await.expect_err("of no such source");
    assert_eq!(error.code(), Code::InvalidArgument);
    let released = client.rollback(to(To::Release(wire::Release {}))).await.expect("done");
    assert_eq!(released.into_inner().released.len(), 1);
    let error = client.rollback(to(To::Revision("nonsense".into()))).await.expect_err("none");
    assert_eq!(error.code(), Code::InvalidArgument);
    fixture.end().await;
}

#[tokio::test]
async fn a_rollback_leaves_what_is_in_force() {
    let fixture = Fixture::new(&[("web", "")]).await;
    fixture.settled().await;
    for spec in ["  runStrategy: Halted\n", ""] {
        fixture.put("web", spec);
        fixture.settled().await;
    }
    // A, then B, then A again, which is the newest again.
    let mut client = fixture.client().await;
    let list = client.list_revisions(wire::ListRevisionsRequest::default()).await;
    let mut told = list.expect("told").into_inner();
    let earlier = told.message().await.expect("no error").expect("B");
    let now = told.message().await.expect("no error").expect("A");
    assert_eq!((earlier.newest, now.newest), (false, true));
    let to = Some(To::Revision(earlier.revision.clone()));
    let back = client.rollback(wire::RollbackRequest { to, ..Default::default() }).await;
    let back = back.expect("done").into_inner();
    assert_eq!((back.revision, back.left), (earlier.revision, now.revision));
    fixture.end().await;
}

#[tokio::test]
async fn who_asks_for_a_look_gets_one() {
    let fixture = Fixture::new(&[("web", "")]).await;
    fixture.settled().await;
    let mut client = fixture.client().await;
    let passes = fixture.handle.state().borrow().passes;
    let request = wire::ReconcileRequest { objects: vec![reference("instance/web")] };
    client.reconcile(request).await.expect("done");
    fixture.until("a look", |state| state.passes > passes).await;
    client.notify(wire::NotifyRequest {}).await.expect("done");
    assert!(
        fixture
            .reconciler
            .home()
            .requests()
            .iter()
            .any(|file| file.ends_with("notify") && file.exists())
    );
    fixture.end().await;
}
