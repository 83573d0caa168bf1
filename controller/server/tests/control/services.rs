//! The standard services, and what nobody serves.

use limekiln_proto::v1alpha1 as wire;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::fixture::Fixture;

#[tokio::test]
async fn health_and_reflection_answer() {
    let fixture = Fixture::new(&[]).await;
    let channel = limekiln_proto::connect(&fixture.socket()).await.expect("it listens");
    let service = "limekiln.control.v1alpha1.Control".to_owned();
    let mut health = HealthClient::new(channel.clone());
    let answer = health.check(HealthCheckRequest { service: service.clone() }).await;
    assert_eq!(answer.expect("known").into_inner().status(), ServingStatus::Serving);
    let mut reflection = ServerReflectionClient::new(channel);
    let ask =
        |message| ServerReflectionRequest { host: String::new(), message_request: Some(message) };
    let requests = vec![
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol(service.clone())),
    ];
    let stream = tokio_stream::iter(requests);
    let mut answers =
        reflection.server_reflection_info(stream).await.expect("it talks").into_inner();
    let first = answers.message().await.expect("no error").expect("an answer");
    let Some(MessageResponse::ListServicesResponse(list)) = first.message_response else {
        panic!("no list: {first:?}");
    };
    assert!(list.service.iter().any(|one| one.name == service), "{list:?}");
    let second = answers.message().await.expect("no error").expect("an answer");
    assert!(matches!(second.message_response, Some(MessageResponse::FileDescriptorResponse(_))));
    fixture.end().await;
}

/// Libraries of Python and others know only this one.
#[tokio::test]
async fn the_older_reflection_answers_too() {
    use tonic_reflection::pb::v1alpha as older;
    let fixture = Fixture::new(&[]).await;
    let channel = limekiln_proto::connect(&fixture.socket()).await.expect("it listens");
    let mut client = older::server_reflection_client::ServerReflectionClient::new(channel);
    let list = older::server_reflection_request::MessageRequest::ListServices(String::new());
    let request =
        older::ServerReflectionRequest { host: String::new(), message_request: Some(list) };
    let answers = client.server_reflection_info(tokio_stream::iter([request])).await;
    let mut answers = answers.expect("it talks").into_inner();
    let answer = answers.message().await.expect("no error").expect("an answer");
    assert!(answer.message_response.is_some());
    fixture.end().await;
}

#[tokio::test]
async fn messages_that_are_too_large_are_refused() {
    let fixture = Fixture::new(&[]).await;
    let mut client = fixture.client().await;
    let request = wire::AcknowledgeRequest { revision: "x".repeat(33 << 20), ..Default::default() };
    let error = client.acknowledge(request).await.expect_err("too large");
    assert_eq!(error.code(), Code::OutOfRange, "{error}");
    client.get_controller(wire::GetControllerRequest {}).await.expect("it goes on");
    fixture.end().await;
}
