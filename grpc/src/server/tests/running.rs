//! How the service runs: health, reflection, bounds, deadlines, metrics, and its end.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Response, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_types::StatusExt;

use super::Service;
use crate::contract::huzhu::command::v1 as command;
use crate::contract::huzhu::query::v1 as query;

/// What the second port answers.
pub(super) async fn metrics(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

type Answer = Result<Response<command::AddRosterMembersResponse>, Status>;

/// A call that goes on until the sender is dropped.
fn stalled(
    service: &Service,
    timeout: Option<Duration>,
) -> (mpsc::Sender<command::AddRosterMembersRequest>, JoinHandle<Answer>) {
    let desk = service.operator();
    let (sender, receiver) = mpsc::channel(1);
    let mut request = desk.request(ReceiverStream::new(receiver));
    if let Some(timeout) = timeout {
        request.set_timeout(timeout);
    }
    let call = tokio::spawn(async move { desk.rosters().add_roster_members(request).await });
    (sender, call)
}

/// Waits until a call is under way.
async fn under_way(service: &Service) {
    while !metrics(service.running.metrics).await.contains("huzhu_calls_in_flight 1") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn list(service: &Service) -> Result<(), Status> {
    let desk = service.operator();
    let request = query::ListPlansRequest::default();
    desk.queries().list_plans(desk.request(request)).await.map(|_| ())
}

#[tokio::test]
async fn strangers_may_ask_for_health_and_the_contract() {
    let service = Service::start().await;
    let channel = service.channel().await;
    let health = HealthClient::new(channel.clone())
        .check(HealthCheckRequest { service: "huzhu.command.v1.ClaimService".into() })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(health.status(), ServingStatus::Serving);

    let asked = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers = ServerReflectionClient::new(channel)
        .server_reflection_info(tokio_stream::once(asked))
        .await
        .unwrap()
        .into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(services) = answer else { panic!("{answer:?}") };
    let names: Vec<_> = services.service.into_iter().map(|service| service.name).collect();
    for (service, _) in crate::auth::table::TABLE {
        assert!(names.iter().any(|name| name == service), "{service} in {names:?}");
    }
}

#[tokio::test]
async fn calls_beyond_the_bound_are_refused_at_once_and_told_when_to_come_back() {
    let service = Service::start_with(|config| super::Config { in_flight_max: 1, ..config }).await;
    let (holder, call) = stalled(&service, None);
    under_way(&service).await;
    let status = list(&service).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
    assert_eq!(status.get_details_error_info().unwrap().metadata["limit"], "1");

    drop(holder);
    assert_eq!(call.await.unwrap().unwrap_err().code(), Code::InvalidArgument);
    list(&service).await.unwrap();
}

#[tokio::test]
async fn a_deadline_ends_a_call_whoever_set_it() {
    let service = Service::start_with(|config| super::Config {
        stream_deadline: Duration::from_millis(150),
        ..config
    })
    .await;
    let (_holder, call) = stalled(&service, None);
    let status = call.await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(status.get_details_error_info().unwrap().reason, "DEADLINE_PASSED");

    let patient = Service::start().await;
    let (_holder, call) = stalled(&patient, Some(Duration::from_millis(150)));
    let code = call.await.unwrap().unwrap_err().code();
    // The client keeps the same time, and may be first to notice.
    assert!(matches!(code, Code::DeadlineExceeded | Code::Cancelled), "{code:?}");
}

#[tokio::test]
async fn a_call_under_way_ends_before_the_service_does() {
    let service = Service::start().await;
    let (holder, call) = stalled(&service, None);
    under_way(&service).await;
    service.running.stop();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!service.running.has_ended());
    drop(holder);
    // Answered by the service, not cut off.
    let status = call.await.unwrap().unwrap_err();
    assert!(status.get_details_bad_request().is_some(), "{status:?}");
    let Service { running, desks, .. } = service;
    drop(desks);
    tokio::task::spawn_blocking(move || running.join()).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_service_that_does_not_drain_in_time_ends_all_the_same() {
    let service =
        Service::start_with(|config| super::Config { drain: Duration::from_millis(100), ..config })
            .await;
    let (_holder, call) = stalled(&service, None);
    under_way(&service).await;
    service.running.stop();
    let Service { running, .. } = service;
    tokio::task::spawn_blocking(move || running.join()).await.unwrap().unwrap();
    assert!(call.await.unwrap().is_err());
}

#[tokio::test]
async fn calls_are_counted_by_rpc_and_result() {
    let service = Service::start().await;
    list(&service).await.unwrap();
    let text = metrics(service.running.metrics).await;
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(
        text.contains(r#"huzhu_calls_total{rpc="QueryService/ListPlans",code="OK"} 1"#),
        "{text}"
    );
    assert!(text.contains("huzhu_view_lag_seconds{view=\"claims\"}"), "{text}");
    assert!(text.contains("huzhu_calls_in_flight 0"), "{text}");
}
