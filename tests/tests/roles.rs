//! Who may call what: every RPC by every role, and by those who are nobody.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a story that cannot go on has failed")]

use std::collections::BTreeMap;

use bytes::Bytes;
use huzhu_domain::envelope::Role;
use huzhu_tests::caller::Caller;
use huzhu_tests::contract::DESCRIPTORS;
use huzhu_tests::raw;
use huzhu_tests::service::Service;
use huzhu_tests::union::OFFICE;
use huzhu_tests::{reason, story};
use prost_reflect::DescriptorPool;
use tonic::Code;

const HANDLER: &str = "handler";
const OPERATOR: &str = "operator";
const AUDITOR: &str = "auditor";
const ANALYST: &str = "analyst";
const SERVICE: &str = "service";
const ALL: &[&str] = &[HANDLER, OPERATOR, AUDITOR, ANALYST, SERVICE];
const COUNTER: &[&str] = &[HANDLER, OPERATOR, SERVICE];
const UNIT: &[&str] = &[HANDLER, OPERATOR];
const NOBODY: &[&str] = &[];

/// What each role may call, as the office wants it: written down apart from the service's table.
const RIGHTS: &[(&str, &[&str])] = &[
    ("PlanService/PublishPlan", &[OPERATOR]),
    ("PlanService/PublishApprovalPolicy", &[OPERATOR]),
    ("OrganisationService/RegisterOrganisation", &[OPERATOR]),
    ("OrganisationService/CountWorkers", UNIT),
    ("OrganisationService/RegisterHandler", &[OPERATOR]),
    ("OrganisationService/CertifyHandler", &[OPERATOR]),
    ("OrganisationService/SuspendHandler", &[OPERATOR]),
    ("OrganisationService/ReinstateHandler", &[OPERATOR]),
    ("MemberService/RegisterMember", COUNTER),
    ("MemberService/CorrectMember", COUNTER),
    ("MemberService/ClassifyMember", UNIT),
    ("MemberService/TransferMember", UNIT),
    ("MemberService/RetireMember", UNIT),
    ("MemberService/RecordDeath", UNIT),
    ("RosterService/OpenRoster", UNIT),
    ("RosterService/AddRosterMembers", COUNTER),
    ("RosterService/RemoveRosterMember", UNIT),
    ("RosterService/RecordContribution", COUNTER),
    ("RosterService/ConfirmRoster", UNIT),
    ("RosterService/CancelRoster", UNIT),
    ("CoverService/GrantCover", COUNTER),
    ("CoverService/EndCover", UNIT),
    ("ClaimService/FileClaim", COUNTER),
    ("ClaimService/PassStep", &[HANDLER]),
    ("ClaimService/ReturnClaim", &[HANDLER]),
    ("ClaimService/RefuseClaim", &[HANDLER]),
    ("ClaimService/SupplementClaim", COUNTER),
    ("ClaimService/WithdrawClaim", COUNTER),
    ("ClaimService/PreviewAssessment", COUNTER),
    ("PayoutService/CreateBatch", &[HANDLER]),
    ("PayoutService/RecordBankAnswer", &[HANDLER, SERVICE]),
    ("PayoutService/CorrectPayout", &[HANDLER]),
    ("PayoutService/ReversePayout", &[HANDLER]),
    ("PayoutService/ExportBankFile", &[HANDLER]),
    ("QueryService/GetMember", ALL),
    ("QueryService/ListMembers", ALL),
    ("QueryService/GetCover", ALL),
    ("QueryService/ListCovers", ALL),
    ("QueryService/GetClaim", ALL),
    ("QueryService/ListClaims", ALL),
    ("QueryService/WatchClaim", ALL),
    ("QueryService/WatchQueue", ALL),
    ("QueryService/GetPayout", ALL),
    ("QueryService/ListPayouts", ALL),
    ("QueryService/GetBatch", ALL),
    ("QueryService/ListBatches", ALL),
    ("QueryService/GetOrganisation", ALL),
    ("QueryService/ListOrganisations", ALL),
    ("QueryService/GetPlan", ALL),
    ("QueryService/ListPlans", ALL),
    ("QueryService/GetRoster", ALL),
    ("QueryService/ListRosters", ALL),
    ("QueryService/ListPlanStatistics", ALL),
    ("FigureService/ListLedgerEntries", ALL),
    ("FigureService/ListLedgerBalances", ALL),
    ("FigureService/ListDiseaseStatistics", ALL),
    ("FigureService/ListOrganisationGrowth", ALL),
    ("FigureService/ListWorkQueue", ALL),
    ("FigureService/ListHandlerActivity", ALL),
    ("AuditService/ReplayClaim", &[AUDITOR, OPERATOR]),
    ("AuditService/ReplayStream", &[AUDITOR, OPERATOR]),
    ("AuditService/ExplainAssessment", &[AUDITOR, OPERATOR, HANDLER]),
    ("Streams/Read", &[AUDITOR, OPERATOR]),
    ("Streams/Append", NOBODY),
    ("Streams/Delete", NOBODY),
    ("Streams/Tombstone", NOBODY),
    ("Streams/BatchAppend", NOBODY),
    ("PersistentSubscriptions/List", &[AUDITOR, OPERATOR]),
];

/// Services of the contract that tell nothing of the business, and are there for everybody.
const OPEN: &[&str] = &["ServerFeatures", "Gossip"];

/// Every RPC of the contract: its path, and its name as the rights have it.
fn rpcs() -> Vec<(String, String)> {
    let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
    let methods: Vec<_> = pool
        .services()
        .filter(|service| !OPEN.contains(&service.name()))
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .map(|method| {
            let service = method.parent_service();
            let path = format!("/{}/{}", service.full_name(), method.name());
            (path, format!("{}/{}", service.name(), method.name()))
        })
        .collect();
    assert!(methods.len() >= 50, "{}", methods.len());
    methods
}

fn callers(service: &Service) -> [(&'static str, Caller); 5] {
    [
        (HANDLER, service.caller(Role::Handler, "somebody", Some(OFFICE))),
        (OPERATOR, service.caller(Role::Operator, "somebody", None)),
        (AUDITOR, service.caller(Role::Auditor, "somebody", None)),
        (ANALYST, service.caller(Role::Analyst, "somebody", None)),
        (SERVICE, service.caller(Role::Service, "somebody", None)),
    ]
}

#[test]
fn each_role_may_call_what_the_table_says_and_nothing_else() {
    story(async {
        let service = Service::start();
        let rights: BTreeMap<_, _> = RIGHTS.iter().copied().collect();
        let rpcs = rpcs();
        assert_eq!(rights.len(), rpcs.len(), "every RPC has its line, and every line its RPC");
        for (role, caller) in callers(&service) {
            for (path, name) in &rpcs {
                let allowed = rights[name.as_str()].contains(&role);
                let answer = raw::send(&caller, path, vec![Bytes::new()]).await;
                let refused = answer.as_ref().err().is_some_and(|status| {
                    status.code() == Code::PermissionDenied
                        && (reason(status) == "ROLE_NOT_ALLOWED" || denied(status))
                });
                assert_eq!(refused, !allowed, "{role} at {name}: {answer:?}");
                let code = answer.err().map_or(Code::Ok, |status| status.code());
                let wrong = [Code::Unauthenticated, Code::Unimplemented, Code::Internal];
                assert!(!wrong.contains(&code), "{role} at {name}: {code:?}");
            }
        }
        assert_eq!(service.log_length(), 0, "an empty request records nothing");
    });
}

/// Whether a client of EventStoreDB's protocol would take it for a refusal.
fn denied(status: &tonic::Status) -> bool {
    status.metadata().get("exception").is_some_and(|exception| exception == "access-denied")
}

#[test]
fn clients_of_the_log_are_refused_as_they_know_it() {
    story(async {
        let service = Service::start();
        for (role, caller) in callers(&service) {
            for (path, name) in rpcs().iter().filter(|(path, _)| path.starts_with("/event_store."))
            {
                if let Err(status) = raw::send(&caller, path, vec![Bytes::new()]).await {
                    let refused = status.code() == Code::PermissionDenied;
                    assert_eq!(refused, denied(&status), "{role} at {name}: {status:?}");
                }
            }
        }
    });
}

/// A token without a signature, of the algorithm `none`.
fn unsigned() -> String {
    // {"alg":"none","typ":"JWT"} and an operator's claims until 2100, in base64url.
    let header = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let claims = "eyJpc3MiOiJodXpodSIsImF1ZCI6Imh1emh1Iiwic3ViIjoib3BlcmF0b3IiLCJyb2xlIjoib3BlcmF0b3IiLCJpYXQiOjE0MDAwMDAwMDAsImV4cCI6NDEwMjQ0NDgwMH0";
    format!("{header}.{claims}.")
}

#[test]
fn nobody_gets_in_without_a_token_of_this_service() {
    story(async {
        let service = Service::start();
        let valid = service.token(Role::Operator, "operator", None);
        let (head, signature) = valid.rsplit_once('.').unwrap();
        let (header, _) = head.split_once('.').unwrap();
        let other_claims = unsigned().split('.').nth(1).unwrap().to_owned();
        let forged = service.forged_token(Role::Operator, "operator");
        let strangers = [
            ("no token", None, "TOKEN_MISSING"),
            ("an empty token", Some(String::new()), "TOKEN_INVALID"),
            ("not a token", Some("let me in".to_owned()), "TOKEN_INVALID"),
            ("another key", Some(forged), "TOKEN_INVALID"),
            ("alg none", Some(unsigned()), "TOKEN_INVALID"),
            ("no signature", Some(format!("{head}.")), "TOKEN_INVALID"),
            ("other claims", Some(format!("{header}.{other_claims}.{signature}")), "TOKEN_INVALID"),
            ("too long", Some("x".repeat(8_000)), "TOKEN_INVALID"),
        ];
        for (what, token, expected) in strangers {
            let stranger = service.stranger(token.as_deref());
            for (path, name) in rpcs() {
                let status = raw::send(&stranger, &path, vec![Bytes::new()]).await.unwrap_err();
                if RIGHTS.iter().any(|(of, roles)| *of == name && roles.is_empty()) {
                    assert!(denied(&status), "{what} at {name}: {status:?}");
                    continue;
                }
                assert_eq!(status.code(), Code::Unauthenticated, "{what} at {name}: {status:?}");
                assert_eq!(reason(&status), expected, "{what} at {name}");
            }
        }
        assert_eq!(service.log_length(), 0);
    });
}

#[test]
fn a_token_ends_when_it_says() {
    story(async {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicI64, Ordering};
        // The service's clock is moved by hand: two days, in one step.
        let ahead = Arc::new(AtomicI64::new(0));
        let clock = Arc::clone(&ahead);
        let service = Service::start_with(move |config| {
            config.clock = huzhu_grpc::clock::Clock::new(move || {
                let hours = clock.load(Ordering::Relaxed);
                jiff::Timestamp::now() + jiff::SignedDuration::from_hours(hours)
            });
        });
        let operator = service.caller(Role::Operator, "operator", None);
        let path = "/huzhu.command.v1.PlanService/PublishPlan";
        let status = raw::send(&operator, path, vec![Bytes::new()]).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        ahead.store(48, Ordering::Relaxed);
        let status = raw::send(&operator, path, vec![Bytes::new()]).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated);
        assert_eq!(reason(&status), "TOKEN_EXPIRED");
    });
}

#[test]
fn the_actor_of_an_event_is_the_subject_of_the_token() {
    story(async {
        let union = huzhu_tests::union::Union::found().await;
        let events = union.history("organisation-miyun").await;
        assert!(!events.is_empty());
        for event in events {
            let actor = event.actor.unwrap();
            assert_eq!(actor.subject, "operator");
            assert_eq!(actor.role, i32::from(huzhu_tests::wire::Role::Operator));
        }
    });
}
