use huzhu_domain::{claim, cover, member, organisation, reservation, roster};
use huzhu_store::port::Revision;

use super::*;
use crate::wire::Check;

fn details(status: &Status) -> (Code, String, HashMap<String, String>) {
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.domain, DOMAIN);
    (status.code(), info.reason, info.metadata)
}

#[test]
fn every_bad_field_is_named() {
    let mut check = Check::default();
    check.fail::<()>("request_id", "must be there");
    check.within("facts", |check| check.fail::<()>("stays[2].admitted", "must be there"));
    let status = Status::from(check.finish::<()>(None).unwrap_err());
    assert_eq!(status.code(), Code::InvalidArgument);
    let fields: Vec<_> = status
        .get_details_bad_request()
        .unwrap()
        .field_violations
        .into_iter()
        .map(|violation| violation.field)
        .collect();
    assert_eq!(fields, ["request_id", "facts.stays[2].admitted"]);
}

#[test]
fn a_refusal_has_its_reason_and_figures() {
    let low = roster::Rejection::ParticipationTooLow { members: 3, workers: 10, needed: 5 };
    let (code, reason, figures) = details(&rejected(&low.into()));
    assert_eq!((code, reason.as_str()), (Code::FailedPrecondition, "PARTICIPATION_TOO_LOW"));
    assert_eq!(figures["needed"], "5");
}

#[test]
fn refusals_have_the_code_that_fits() {
    let handler = || "beiyi-01".parse().unwrap();
    let cases: [(Rejection, Code); 6] = [
        (claim::Rejection::ClaimNotFiled.into(), Code::NotFound),
        (cover::Rejection::CoverNotGranted.into(), Code::NotFound),
        (member::Rejection::MemberNotRegistered.into(), Code::NotFound),
        (organisation::Rejection::NoDuties.into(), Code::FailedPrecondition),
        (claim::Rejection::OwnClaim { by: handler() }.into(), Code::PermissionDenied),
        (reservation::Rejection::HeldBy { holder: "x".into() }.into(), Code::AlreadyExists),
    ];
    for (rejection, code) in cases {
        assert_eq!(rejected(&rejection).code(), code, "{rejection}");
    }
}

#[test]
fn a_corrupt_history_tells_nothing() {
    let status = engine(EngineError::Corrupt {
        stream: "member-1".parse().unwrap(),
        revision: Revision(3),
        why: "the card 6221".into(),
    });
    assert_eq!(status.code(), Code::DataLoss);
    assert!(status.details().is_empty());
    assert!(!status.message().contains("member") && !status.message().contains("6221"));
    let log = engine(EngineError::LogCorrupt { why: "page 7".into() });
    assert!(log.code() == Code::DataLoss && log.details().is_empty());
    assert!(!log.message().contains("page"));
}

#[test]
fn who_is_refused_for_load_is_told_when_to_try_again() {
    for status in [busy(1), engine(EngineError::Overloaded), down(), behind()] {
        assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
    }
    assert!(!engine(EngineError::Down { why: "disk on fire".into() }).message().contains("disk"));
}

#[test]
fn another_revision_is_aborted_with_both_figures() {
    let status = engine(EngineError::ExpectedRevision {
        stream: "claim-1".parse().unwrap(),
        expected: Revision(4),
        actual: Some(Revision(6)),
    });
    let (code, reason, figures) = details(&status);
    assert_eq!((code, reason.as_str()), (Code::Aborted, "REVISION_DIFFERS"));
    assert_eq!((figures["expected"].as_str(), figures["actual"].as_str()), ("4", "6"));
}
