//! How the service behaves towards those who call it, watch it and stop it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a story that cannot go on has failed"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use huzhu_domain::envelope::Role;
use huzhu_grpc::server;
use huzhu_tests::command::{AddRosterMembersRequest, FileClaimRequest, RegisterMemberRequest};
use huzhu_tests::facts::{illness, receipt};
use huzhu_tests::people::person;
use huzhu_tests::program::Program;
use huzhu_tests::service::Service;
use huzhu_tests::union::{Union, claim_request};
use huzhu_tests::wire::{MemberClass, Person, Sex};
use huzhu_tests::{new_id, raw, reason, story};
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

#[test]
fn health_and_reflection_answer_without_a_token() {
    story(async {
        let service = Service::start();
        let mut health = HealthClient::new(service.connect());
        for name in ["huzhu.command.v1.ClaimService", "huzhu.query.v1.QueryService"] {
            let asked = HealthCheckRequest { service: name.to_owned() };
            let answer = health.check(asked).await.unwrap().into_inner();
            assert_eq!(answer.status, 1, "{name} is serving");
        }

        use tonic_reflection::pb::v1::ServerReflectionRequest;
        use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
        use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
        use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
        let mut reflection = ServerReflectionClient::new(service.connect());
        let ask = |message_request| ServerReflectionRequest {
            host: String::new(),
            message_request: Some(message_request),
        };
        let asked = [
            ask(MessageRequest::ListServices(String::new())),
            ask(MessageRequest::FileContainingSymbol("huzhu.command.v1.FileClaimRequest".into())),
        ];
        let mut answers = reflection
            .server_reflection_info(futures::stream::iter(asked))
            .await
            .unwrap()
            .into_inner();
        let listed = answers.message().await.unwrap().unwrap().message_response.unwrap();
        let MessageResponse::ListServicesResponse(listed) = listed else { panic!("{listed:?}") };
        let names: Vec<_> = listed.service.into_iter().map(|service| service.name).collect();
        for name in ["huzhu.command.v1.ClaimService", "huzhu.audit.v1.AuditService"] {
            assert!(names.iter().any(|listed| listed == name), "{name} in {names:?}");
        }
        let file = answers.message().await.unwrap().unwrap().message_response.unwrap();
        assert!(matches!(file, MessageResponse::FileDescriptorResponse(_)), "{file:?}");
    });
}

#[test]
fn a_deadline_that_passed_is_told_and_the_same_request_may_be_sent_again() {
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 1).await;
        let message = RegisterMemberRequest {
            request_id: new_id(),
            person: Some(person("会员", Sex::Female, "1980-05-01")),
            unit_id: "unit".to_owned(),
            class: MemberClass::Ordinary.into(),
            ..Default::default()
        };
        let mut request: Request<RegisterMemberRequest> = unit.filer.request(message.clone());
        request.set_timeout(Duration::from_nanos(1));
        let status = unit.filer.send(request).await.unwrap_err();
        let told = [Code::DeadlineExceeded, Code::Cancelled];
        assert!(told.contains(&status.code()), "{status:?}");
        // Whether or not it had been taken: once is once.
        let first = unit.filer.must(message.clone()).await;
        let again = unit.filer.must(message).await;
        assert_eq!(first.member_id, again.member_id);
        let events = union.history(&format!("member-{}", first.member_id)).await;
        assert_eq!(events.len(), 1);
    });
}

#[test]
fn a_message_beyond_the_limit_is_refused_and_the_service_goes_on() {
    story(async {
        let union = Union::found().await;
        let before = union.service.log_length();
        let path = "/huzhu.command.v1.PlanService/PublishPlan";
        let huge = Bytes::from(vec![0x0a; 5 * 1024 * 1024]);
        let status = raw::send(&union.operator, path, vec![huge]).await.unwrap_err();
        let told = [Code::OutOfRange, Code::ResourceExhausted, Code::InvalidArgument];
        assert!(told.contains(&status.code()), "{status:?}");
        // Bytes that are no message at all.
        let noise = Bytes::from_static(&[0xff, 0xff, 0xff, 0xff, 0x00, 0x01]);
        let status = raw::send(&union.operator, path, vec![noise]).await.unwrap_err();
        assert_ne!(status.code(), Code::Ok);
        assert_eq!(union.service.log_length(), before);
        union.unit("unit", "单位", 1).await;
    });
}

#[test]
fn more_calls_than_there_are_places_are_refused_with_a_hint_when_to_come_back() {
    story(async {
        let service = Service::start_with(|config| config.in_flight_max = 4);
        let operator = service.caller(Role::Operator, "operator", None);
        // Four client streams that say nothing keep four places.
        let held: Vec<_> = (0..4)
            .map(|_| {
                use huzhu_tests::command::roster_service_client::RosterServiceClient;
                let mut client = RosterServiceClient::new(service.connect());
                let silence = futures::stream::pending::<AddRosterMembersRequest>();
                let request = operator.request(silence);
                tokio::spawn(async move { client.add_roster_members(request).await })
            })
            .collect();
        let path = "/huzhu.command.v1.PlanService/PublishPlan";
        let refused = async {
            loop {
                let status = raw::send(&operator, path, vec![Bytes::new()]).await.unwrap_err();
                if status.code() == Code::ResourceExhausted {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let status = tokio::time::timeout(Duration::from_secs(20), refused).await.unwrap();
        assert_eq!(reason(&status), "TOO_MANY_CALLS");
        let retry = status.get_details_retry_info().unwrap().retry_delay.unwrap();
        assert!(retry > Duration::ZERO);
        assert!(service.metrics().await.contains("huzhu_calls_refused_total"));

        for held in held {
            held.abort();
        }
        let let_in = async {
            while raw::send(&operator, path, vec![Bytes::new()]).await.unwrap_err().code()
                == Code::ResourceExhausted
            {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), let_in).await.unwrap();
    });
}

fn outpatient(cover: &str, serial: &str) -> FileClaimRequest {
    let mut facts = illness("2014-01-02", "2014-11-20");
    facts.bills = vec![receipt(serial, "2014-05-01", "5800")];
    claim_request(cover, &["outpatient"], facts, "2014-11-20")
}

#[test]
fn on_sigterm_calls_under_way_end_and_new_ones_are_refused() {
    story(async {
        let mut program = Program::start_in(tempfile::tempdir().unwrap()).await;
        let union = Union::found_with(program.service()).await;
        let unit = union.unit("unit", "单位", 1).await;
        let member = unit.member(person("会员", Sex::Female, "1980-05-01")).await;
        let cover = unit.grant(&member, "nuan-huzhu", "2014-01-01").await;
        let terminated = Arc::new(AtomicBool::new(false));
        let load = (0..4).map(|client| {
            let filer = unit.filer.over(program.connect());
            let (terminated, cover) = (Arc::clone(&terminated), cover.clone());
            async move {
                let mut acknowledged = Vec::new();
                for number in 0..10_000 {
                    let request = outpatient(&cover, &format!("T-{client}-{number}"));
                    match filer.call(request).await {
                        Ok(answer) => acknowledged.push(answer.claim_id),
                        Err(status) => {
                            assert!(terminated.load(Ordering::Relaxed), "{status:?}");
                            // Gone, or going; never half an answer or an error of the engine.
                            let told = [Code::Unavailable, Code::Unknown, Code::Cancelled];
                            assert!(told.contains(&status.code()), "{status:?}");
                            break;
                        }
                    }
                }
                acknowledged
            }
        });
        let stop = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            terminated.store(true, Ordering::Relaxed);
            program.terminate();
        };
        let (acknowledged, ()) = futures::join!(join_all(load), stop);
        let status = program.wait().await;
        assert!(status.success(), "{status}");
        drop(unit);
        drop(union);

        program.restart().await;
        let auditor = program.caller(Role::Auditor, "auditor", None);
        let acknowledged: Vec<_> = acknowledged.into_iter().flatten().collect();
        assert!(!acknowledged.is_empty());
        for claim_id in acknowledged {
            let asked = huzhu_tests::audit::ExplainAssessmentRequest { claim_id, revision: None };
            assert!(auditor.must(asked).await.same);
        }
    });
}

#[test]
fn a_log_with_members_is_not_served_without_the_key_that_knows_them() {
    story(async {
        let union = Union::found().await;
        let copied = tempfile::tempdir().unwrap();
        let copy = |file: &str| {
            let from = union.service.folder().join(file);
            if from.exists() {
                std::fs::copy(from, copied.path().join(file)).unwrap();
            }
        };
        let start = || {
            let config = server::Config::new(copied.path().to_owned());
            server::start(config).map(drop)
        };
        copy("log.db");
        copy("log.db-wal");
        start().unwrap();
        std::fs::remove_file(copied.path().join("resident.key")).unwrap();
        start().unwrap();

        let unit = union.unit("unit", "某单位", 10).await;
        unit.member(person("周女士", Sex::Female, "1972-03-08")).await;
        for file in ["log.db", "log.db-wal", "log.db-shm", "index.db", "views.db", "resident.key"] {
            let _ = std::fs::remove_file(copied.path().join(file));
        }
        copy("log.db");
        copy("log.db-wal");
        let why = start().unwrap_err().to_string();
        assert!(why.contains("resident.key is missing"), "{why}");
        assert!(!copied.path().join("resident.key").exists(), "none is made in its place");
        copy("resident.key");
        start().unwrap();
    });
}

#[test]
fn metrics_tell_of_calls_commits_and_views() {
    story(async {
        let union = Union::found().await;
        let metrics = union.service.metrics().await;
        for name in [
            "huzhu_calls_total{rpc=\"PlanService/PublishPlan\",code=\"OK\"}",
            "huzhu_call_seconds_bucket",
            "huzhu_log_events",
            "huzhu_log_commit_batch_events",
            "huzhu_view_lag_seconds",
            "huzhu_views_built_events_per_second",
        ] {
            assert!(metrics.contains(name), "{name} is not in\n{metrics}");
        }
    });
}

#[test]
fn personal_data_stands_in_no_log_line_metric_or_error() {
    story(async {
        let mut program = Program::start_in(tempfile::tempdir().unwrap()).await;
        let union = Union::found_with(program.service()).await;
        let unit = union.unit("unit", "单位", 1).await;
        // Not the phone number that the form is explained with.
        let phone = "13987654321".to_owned();
        let peng = Person { phone, ..person("彭女士", Sex::Female, "1972-03-08") };
        unit.member(peng.clone()).await;
        let mut told = Vec::new();
        let request = |person| RegisterMemberRequest {
            request_id: new_id(),
            person: Some(person),
            unit_id: "unit".to_owned(),
            class: MemberClass::Ordinary.into(),
            ..Default::default()
        };
        // The same person twice; and each field of the person spoilt.
        let mut spoilt = vec![peng.clone(); 4];
        spoilt[1]
            .resident_id
            .replace_range(17.., if peng.resident_id.ends_with('1') { "2" } else { "1" });
        spoilt[2].card.push('7');
        spoilt[3].phone.push_str("x7");
        let mut secrets = vec![peng.name, peng.resident_id, peng.card, peng.phone];
        for person in spoilt {
            secrets.extend([person.resident_id.clone(), person.card.clone(), person.phone.clone()]);
            let status = unit.filer.refused(request(person)).await;
            told.push(format!("{status:?} {}", String::from_utf8_lossy(status.details())));
        }
        told.push(program.metrics().await);
        drop(unit);
        drop(union);
        program.terminate();
        program.wait().await;
        told.push(program.log());
        for text in told {
            for secret in &secrets {
                assert!(!text.contains(secret.as_str()), "{secret} in {text}");
            }
        }
    });
}
