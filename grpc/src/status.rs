//! The one table from errors to status codes.
//!
//! | kind | example | code |
//! |---|---|---|
//! | malformed | a resident id fails its check digit | `INVALID_ARGUMENT` with the fields |
//! | refused | over the ceiling, not certified | `FAILED_PRECONDITION` (or `NOT_FOUND`, `ALREADY_EXISTS`, `PERMISSION_DENIED`) with reason and figures |
//! | raced | somebody else was first | `ABORTED` |
//! | down | the log does not answer | `UNAVAILABLE` with when to try again |
//! | corrupt | an impossible history | `DATA_LOSS`; what and where is logged, not told |

use std::collections::HashMap;
use std::time::Duration;

use huzhu_domain::rejection::Rejection;
use huzhu_store::engine::EngineError;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::auth::TokenError;

/// Whose reasons they are.
pub const DOMAIN: &str = "huzhu";

/// When to try again what was not taken.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// Reasons that say that something does not exist.
const NOT_FOUND: &[&str] = &[
    "BATCH_NOT_OPENED",
    "CLAIM_NOT_FILED",
    "COVER_NOT_GRANTED",
    "MEMBER_NOT_REGISTERED",
    "ORGANISATION_NOT_REGISTERED",
    "PAYOUT_NOT_CREATED",
    "PLAN_NOT_PUBLISHED",
    "ROSTER_NOT_OPENED",
    "VERSION_UNKNOWN",
];

/// Reasons that say that something exists already.
const ALREADY_EXISTS: &[&str] = &[
    "ALREADY_ENROLLED",
    "BATCH_ALREADY_OPENED",
    "CLAIM_ALREADY_FILED",
    "COVER_ALREADY_GRANTED",
    "HANDLER_ALREADY_REGISTERED",
    "HELD_BY",
    "MEMBER_ALREADY_REGISTERED",
    "ORGANISATION_ALREADY_REGISTERED",
    "PAYOUT_ALREADY_CREATED",
    "POLICY_DIFFERS",
    "ROSTER_ALREADY_OPENED",
    "STAY_ALREADY_CLAIMED",
    "VERSION_DIFFERS",
];

/// Reasons that say that this person may not do it.
const PERMISSION_DENIED: &[&str] = &[
    "DECIDED_BEFORE",
    "DUTY_MISSING",
    "HANDLER_SUSPENDED",
    "HANDLER_UNKNOWN",
    "NOT_CERTIFIED",
    "OWN_CLAIM",
    "WRONG_ORGANISATION",
];

/// What is wrong with which field of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Malformed(Vec<(String, String)>);

impl Malformed {
    /// Notes that `field` is wrong; `why` never repeats the value.
    pub fn add(&mut self, field: impl Into<String>, why: impl Into<String>) {
        self.0.push((field.into(), why.into()));
    }

    /// One wrong field.
    #[must_use]
    pub fn field(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self(vec![(field.into(), why.into())])
    }

    /// The wrong fields, in order.
    #[must_use]
    pub fn fields(&self) -> &[(String, String)] {
        &self.0
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Malformed> for Status {
    fn from(malformed: Malformed) -> Self {
        let message = match malformed.0.as_slice() {
            [(field, why)] => format!("{field}: {why}"),
            fields => format!("{} fields are not as they should be", fields.len()),
        };
        let mut details = ErrorDetails::new();
        for (field, why) in malformed.0 {
            details.add_bad_request_violation(field, why);
        }
        Self::with_error_details(Code::InvalidArgument, message, details)
    }
}

/// The status of what the engine answers.
#[must_use]
pub fn of_engine(error: EngineError) -> Status {
    match error {
        EngineError::Rejected(rejection) => refused(&rejection),
        EngineError::CommandReused { command } => reason(
            Code::AlreadyExists,
            format!("request_id {command} was used before with another content"),
            "REQUEST_ID_REUSED",
            [("request_id".to_owned(), command.to_string())],
        ),
        EngineError::ExpectedRevision { stream, expected, actual } => reason(
            Code::Aborted,
            format!("{stream} does not stand at revision {expected}"),
            "EXPECTED_REVISION",
            [
                ("stream".to_owned(), stream.to_string()),
                ("expected".to_owned(), expected.to_string()),
                ("actual".to_owned(), actual.map_or_else(|| "none".into(), |at| at.to_string())),
            ],
        ),
        EngineError::Raced { stream, attempts } => {
            let mut details = ErrorDetails::with_error_info(
                "RACED",
                DOMAIN,
                [
                    ("stream".to_owned(), stream.to_string()),
                    ("attempts".to_owned(), attempts.to_string()),
                ],
            );
            details.set_retry_info(Some(RETRY_AFTER));
            let message = format!("{stream} was changed by others; try again");
            Status::with_error_details(Code::Aborted, message, details)
        }
        EngineError::TooLarge { what, limit, given } => reason(
            Code::InvalidArgument,
            format!("{what}: {given} is beyond the limit of {limit}"),
            "TOO_LARGE",
            [("limit".to_owned(), limit.to_string()), ("given".to_owned(), given.to_string())],
        ),
        EngineError::Overloaded => overloaded("too many commands are waiting for the log"),
        EngineError::Down { why } => {
            tracing::error!(why, "the log does not answer");
            down("the log does not answer; the command is safe to repeat")
        }
        EngineError::Corrupt { stream, revision, why } => {
            tracing::error!(%stream, %revision, why, "the log is corrupt");
            Status::with_error_details(
                Code::DataLoss,
                "the log cannot explain itself here; the operator has been told where",
                ErrorDetails::with_error_info("CORRUPT", DOMAIN, HashMap::<String, String>::new()),
            )
        }
    }
}

/// The status of a refusal.
#[must_use]
pub fn refused(rejection: &Rejection) -> Status {
    let name = rejection.reason();
    let is = |reasons: &[&str]| reasons.contains(&name.as_str());
    let code = if is(NOT_FOUND) {
        Code::NotFound
    } else if is(ALREADY_EXISTS) {
        Code::AlreadyExists
    } else if is(PERMISSION_DENIED) {
        Code::PermissionDenied
    } else {
        Code::FailedPrecondition
    };
    reason(code, rejection.to_string(), &name, rejection.figures())
}

/// The status of a call without a token that holds.
#[must_use]
pub fn unauthenticated(error: TokenError) -> Status {
    let name = match error {
        TokenError::Missing => "TOKEN_MISSING",
        TokenError::Expired => "TOKEN_EXPIRED",
        TokenError::Invalid => "TOKEN_INVALID",
    };
    reason(Code::Unauthenticated, error.to_string(), name, [])
}

/// The status of a call that the role may not make.
#[must_use]
pub fn forbidden(role: &str, rpc: &str) -> Status {
    let figures = [("role".to_owned(), role.to_owned()), ("rpc".to_owned(), rpc.to_owned())];
    let message = format!("the role {role} may not call {rpc}");
    reason(Code::PermissionDenied, message, "ROLE_NOT_ALLOWED", figures)
}

/// The status of what is not taken now and may be later.
#[must_use]
pub fn overloaded(why: &str) -> Status {
    Status::with_error_details(
        Code::ResourceExhausted,
        why,
        ErrorDetails::with_retry_info(Some(RETRY_AFTER)),
    )
}

/// The status of something that does not answer.
#[must_use]
pub fn down(why: &str) -> Status {
    Status::with_error_details(
        Code::Unavailable,
        why,
        ErrorDetails::with_retry_info(Some(RETRY_AFTER)),
    )
}

/// The status of what does not exist.
#[must_use]
pub fn not_found(what: &str, id: &str) -> Status {
    let message = format!("there is no {what} {id}");
    reason(Code::NotFound, message, "NOT_FOUND", [(what.to_owned(), id.to_owned())])
}

fn reason(
    code: Code,
    message: impl Into<String>,
    name: &str,
    figures: impl IntoIterator<Item = (String, String)>,
) -> Status {
    let figures: HashMap<String, String> = figures.into_iter().collect();
    let details = ErrorDetails::with_error_info(name, DOMAIN, figures);
    Status::with_error_details(code, message, details)
}

#[cfg(test)]
mod tests {
    use huzhu_domain::claim;

    use super::*;

    #[test]
    fn a_refusal_has_a_code_a_reason_and_its_figures() {
        let rejection = claim::Rejection::NothingPayable { total: "0".parse().unwrap() };
        let status = refused(&rejection.into());
        assert_eq!(status.code(), Code::FailedPrecondition);
        let info = status.get_details_error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("NOTHING_PAYABLE", "huzhu"));
        assert_eq!(info.metadata["total"], "0.00");
    }

    #[test]
    fn what_does_not_exist_and_what_one_may_not_do_have_codes_of_their_own() {
        assert_eq!(refused(&claim::Rejection::ClaimNotFiled.into()).code(), Code::NotFound);
        let own = claim::Rejection::OwnClaim { by: "u1".parse().unwrap() };
        assert_eq!(refused(&own.into()).code(), Code::PermissionDenied);
    }

    #[test]
    fn a_malformed_request_names_every_field() {
        let mut malformed = Malformed::default();
        malformed.add("facts.stays[2].admitted", "is no date");
        malformed.add("request_id", "must be a UUID");
        let status = Status::from(malformed);
        assert_eq!(status.code(), Code::InvalidArgument);
        let fields = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!(fields[0].field, "facts.stays[2].admitted");
        assert_eq!(fields.len(), 2);
    }

    #[test]
    fn a_corrupt_log_tells_the_client_nothing_of_itself() {
        let status = of_engine(EngineError::Corrupt {
            stream: "member-7".parse().unwrap(),
            revision: huzhu_store::port::Revision(3),
            why: "secret".into(),
        });
        assert_eq!(status.code(), Code::DataLoss);
        assert!(!status.message().contains("member-7") && !status.message().contains("secret"));
    }
}
