//! What holds for every command, and who sees what of a member.

use huzhu_domain::envelope::Role;
use jiff::{SignedDuration, Timestamp};
use tonic::Code;
use tonic_types::StatusExt;

use super::Service;
use crate::client::{Desk, request_id, time};
use crate::clock::Clock;
use crate::contract::huzhu::audit::v1 as audit;
use crate::contract::huzhu::command::v1 as command;
use crate::contract::huzhu::query::v1 as query;
use crate::contract::huzhu::r#type::v1 as wire;

fn organisation(
    id: &str,
    level: wire::Level,
    parent: &str,
) -> command::RegisterOrganisationRequest {
    command::RegisterOrganisationRequest {
        request_id: request_id(),
        organisation_id: id.into(),
        level: level.into(),
        name: Some(wire::Name { zh: "北一机床".into(), en: String::new() }),
        parent_id: parent.into(),
        has_union: true,
        workers: 1_119,
        ..Default::default()
    }
}

async fn register(
    desk: &Desk,
    request: command::RegisterOrganisationRequest,
) -> Result<wire::Receipt, tonic::Status> {
    let answer = desk.organisations().register_organisation(desk.request(request)).await?;
    Ok(answer.into_inner().receipt.unwrap())
}

fn reason(status: &tonic::Status) -> String {
    status.get_details_error_info().unwrap().reason
}

#[tokio::test]
async fn a_command_takes_effect_once_whoever_repeats_it() {
    let service = Service::start().await;
    let desk = service.operator();
    let office = organisation("office", wire::Level::Office, "");
    let first = register(&desk, office.clone()).await.unwrap();
    assert!(!first.repeated);
    let again = register(&desk, office.clone()).await.unwrap();
    assert_eq!(again, wire::Receipt { repeated: true, ..first });

    let other = command::RegisterOrganisationRequest { workers: 7, ..office.clone() };
    let status = register(&desk, other).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::AlreadyExists, "REQUEST_ID_REUSED".into()));

    let stranger = service.desks.of(Role::Operator, "other").unwrap();
    let status = register(&stranger, office).await.unwrap_err();
    assert_eq!(reason(&status), "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn an_expected_revision_that_does_not_hold_aborts() {
    let service = Service::start().await;
    let desk = service.operator();
    register(&desk, organisation("office", wire::Level::Office, "")).await.unwrap();
    let count = |expected| command::CountWorkersRequest {
        request_id: request_id(),
        expected_revision: Some(expected),
        organisation_id: "office".into(),
        workers: 5,
        ..Default::default()
    };
    let counted = desk.organisations().count_workers(desk.request(count(4))).await;
    let status = counted.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::Aborted, "REVISION_DIFFERS".into()));
    desk.organisations().count_workers(desk.request(count(0))).await.unwrap();
}

#[tokio::test]
async fn business_times_lie_within_bounds() {
    let service = Service::start().await;
    let desk = service.operator();
    let now = Clock::system().now();
    let at = |hours: i64| -> Timestamp { now + SignedDuration::from_hours(hours) };
    for (at, holds) in [(at(1), false), (at(-24 * 32), false), (at(-24 * 30), true), (now, true)] {
        let mut request = organisation("office", wire::Level::Office, "");
        request.business_time = Some(time(at));
        request.organisation_id = format!("office-{}", at.as_second());
        let answer = register(&desk, request).await;
        assert_eq!(answer.is_ok(), holds, "{at}");
        if let Err(status) = answer {
            let violations = status.get_details_bad_request().unwrap().field_violations;
            assert_eq!(violations[0].field, "business_time");
        }
    }
}

const RESIDENT_ID: &str = "110228198506150022";
const CARD: &str = "6221630000000004";

/// A member of a unit; the position of the last event.
async fn member(service: &Service) -> (String, String) {
    let desk = service.operator();
    register(&desk, organisation("office", wire::Level::Office, "")).await.unwrap();
    register(&desk, organisation("beiyi", wire::Level::Unit, "office")).await.unwrap();
    let request = command::RegisterMemberRequest {
        request_id: request_id(),
        person: Some(wire::Person {
            name: "彭女士".into(),
            resident_id: RESIDENT_ID.into(),
            card: CARD.into(),
            phone: String::new(),
        }),
        unit_id: "beiyi".into(),
        class: wire::MemberClass::Ordinary.into(),
        insured: true,
        ..Default::default()
    };
    let answer = desk.members().register_member(desk.request(request)).await.unwrap().into_inner();
    (answer.member_id, answer.receipt.unwrap().position)
}

#[tokio::test]
async fn an_analyst_sees_members_but_no_person() {
    let service = Service::start().await;
    let (member_id, at_least) = member(&service).await;
    for role in [Role::Handler, Role::Operator, Role::Auditor, Role::Analyst, Role::Service] {
        let desk = service.desk(role);
        let request = query::GetMemberRequest {
            key: Some(query::get_member_request::Key::MemberId(member_id.clone())),
            at_least: at_least.clone(),
        };
        let got = desk.queries().get_member(desk.request(request)).await.unwrap().into_inner();
        let list = query::ListMembersRequest::default();
        let page = desk.queries().list_members(desk.request(list)).await.unwrap().into_inner();
        assert_eq!(page.members.len(), 1);
        for shown in [got.member.unwrap(), page.members[0].clone()] {
            let sees = role != Role::Analyst;
            assert_eq!(shown.person.is_some(), sees, "{role:?}");
            assert_eq!(shown.born.is_some(), sees, "{role:?}");
            assert_eq!(shown.sex(), wire::Sex::Female);
        }
        let resident = query::GetMemberRequest {
            key: Some(query::get_member_request::Key::ResidentId(RESIDENT_ID.into())),
            at_least: at_least.clone(),
        };
        let found = desk.queries().get_member(desk.request(resident)).await;
        assert_eq!(found.is_ok(), role != Role::Analyst);
    }
}

#[tokio::test]
async fn a_replay_withholds_the_person_and_tells_who_asked() {
    let service = Service::start().await;
    let (member_id, _) = member(&service).await;
    let desk = service.desk(Role::Auditor);
    let request = audit::ReplayStreamRequest { stream: format!("member-{member_id}") };
    let mut events = desk.audit().replay_stream(desk.request(request)).await.unwrap().into_inner();
    let event = events.message().await.unwrap().unwrap().event.unwrap();
    assert_eq!(event.name, "MemberRegistered");
    assert_eq!(event.actor.unwrap().subject, "somebody");
    assert_eq!(event.state_after, "in_service");
    for secret in [RESIDENT_ID, CARD, "彭女士"] {
        assert!(!event.body_json.contains(secret), "{}", event.body_json);
    }
    assert!(events.message().await.unwrap().is_none());
}

#[tokio::test]
async fn errors_never_repeat_what_is_personal() {
    let service = Service::start().await;
    let desk = service.operator();
    let request = command::RegisterMemberRequest {
        request_id: request_id(),
        person: Some(wire::Person {
            name: "彭\u{7}女士".into(),
            resident_id: "110101202311012171".into(),
            card: "6221630000000005".into(),
            phone: "138-1234".into(),
        }),
        ..Default::default()
    };
    let status = desk.members().register_member(desk.request(request)).await.unwrap_err();
    let violations = status.get_details_bad_request().unwrap().field_violations;
    let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
    let expected =
        ["person.name", "person.resident_id", "person.card", "person.phone", "unit_id", "class"];
    assert_eq!(fields, expected);
    let said = format!("{status:?} {violations:?}");
    for secret in ["女士", "110101202311012171", "6221630000000005", "138-1234"] {
        assert!(!said.contains(secret), "{said}");
    }
}
