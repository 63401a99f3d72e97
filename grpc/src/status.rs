//! The one table from errors to status codes.
//!
//! | kind | code | details |
//! |---|---|---|
//! | malformed | `INVALID_ARGUMENT` | `BadRequest`: every bad field |
//! | refused | `FAILED_PRECONDITION`, or a closer one | `ErrorInfo`: a stable reason, its figures |
//! | raced | `ABORTED` | `ErrorInfo`, `RetryInfo` where trying again may help |
//! | down | `UNAVAILABLE`, `RESOURCE_EXHAUSTED` | `ErrorInfo`, `RetryInfo` |
//! | corrupt | `DATA_LOSS` | none: the place is logged, nothing is told |
//!
//! A SQL statement that asks for too much is `RESOURCE_EXHAUSTED` or `DEADLINE_EXCEEDED`, one that
//! was cancelled is `CANCELLED`; if the program let it down, `INTERNAL`.

pub mod eventstore;

use std::collections::HashMap;
use std::time::Duration;

use huzhu_domain::envelope::Role;
use huzhu_domain::rejection::Rejection;
use huzhu_store::engine::EngineError;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::auth::TokenError;
use crate::wire::Malformed;

/// Whose reasons they are.
pub const DOMAIN: &str = "huzhu";

/// When to try again what may be over soon.
const RETRY_SOON: Duration = Duration::from_millis(200);
/// When to try again what takes longer.
const RETRY_LATER: Duration = Duration::from_secs(2);

/// Reasons which say that what the request names does not exist.
const NOT_FOUND: &[&str] = &[
    "BATCH_NOT_OPENED",
    "BENEFIT_UNKNOWN",
    "CLAIM_NOT_FILED",
    "COVER_NOT_GRANTED",
    "MEMBER_NOT_REGISTERED",
    "NONE_HELD",
    "ORGANISATION_NOT_REGISTERED",
    "PAYOUT_NOT_CREATED",
    "ROSTER_NOT_OPENED",
    "VERSION_UNKNOWN",
];

/// Reasons which say that what the request would make exists, or is taken.
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

/// Reasons which say that this person may not do this.
const PERMISSION_DENIED: &[&str] = &[
    "DECIDED_BEFORE",
    "DUTY_MISSING",
    "HANDLER_NOT_YET_REGISTERED",
    "HANDLER_SUSPENDED",
    "HANDLER_UNKNOWN",
    "NOT_CERTIFIED",
    "OWN_CLAIM",
    "WRONG_ORGANISATION",
];

/// The code of a reason of the domain.
fn code(reason: &str) -> Code {
    if NOT_FOUND.contains(&reason) {
        Code::NotFound
    } else if ALREADY_EXISTS.contains(&reason) {
        Code::AlreadyExists
    } else if PERMISSION_DENIED.contains(&reason) {
        Code::PermissionDenied
    } else {
        Code::FailedPrecondition
    }
}

/// A status with a reason and its figures.
fn told(
    code: Code,
    message: String,
    reason: &str,
    figures: impl IntoIterator<Item = (String, String)>,
    retry: Option<Duration>,
) -> Status {
    let figures: HashMap<_, _> = figures.into_iter().collect();
    let mut details = ErrorDetails::with_error_info(reason, DOMAIN, figures);
    if retry.is_some() {
        details.set_retry_info(retry);
    }
    Status::with_error_details(code, message, details)
}

fn plain(code: Code, message: &str, reason: &str) -> Status {
    told(code, message.to_owned(), reason, [], None)
}

impl From<Malformed> for Status {
    fn from(malformed: Malformed) -> Self {
        let message = match malformed.violations.as_slice() {
            [one] => format!("{}: {}", one.field, one.why),
            _ => malformed.to_string(),
        };
        let violations: Vec<_> = malformed
            .violations
            .into_iter()
            .map(|violation| FieldViolation::new(violation.field, violation.why))
            .collect();
        Self::with_error_details(
            Code::InvalidArgument,
            message,
            ErrorDetails::with_bad_request(violations),
        )
    }
}

/// The status of a refusal of the domain.
#[must_use]
pub fn rejected(rejection: &Rejection) -> Status {
    let reason = rejection.reason();
    told(code(&reason), rejection.to_string(), &reason, rejection.figures(), None)
}

/// The status of a command that did not take effect.
#[must_use]
pub fn engine(error: EngineError) -> Status {
    let message = error.to_string();
    let figure = |name: &str, value: &dyn ToString| (name.to_owned(), value.to_string());
    match error {
        EngineError::Rejected(rejection) => rejected(&rejection),
        EngineError::Raced { stream, attempts } => {
            let figures = [figure("stream", &stream), figure("attempts", &attempts)];
            told(Code::Aborted, message, "RACED", figures, Some(RETRY_SOON))
        }
        EngineError::ExpectedRevision { stream, expected, actual } => {
            let actual = actual.map_or_else(|| "none".to_owned(), |actual| actual.to_string());
            let message = format!("{stream} stands at revision {actual}, not at {expected}");
            let figures = [
                figure("stream", &stream),
                figure("expected", &expected),
                figure("actual", &actual),
            ];
            told(Code::Aborted, message, "REVISION_DIFFERS", figures, None)
        }
        EngineError::CommandReused { command } => {
            let figures = [figure("request_id", &command)];
            told(Code::AlreadyExists, message, "REQUEST_ID_REUSED", figures, None)
        }
        EngineError::TooLarge { what, limit, given } => {
            let figures = [figure("what", &what), figure("limit", &limit), figure("given", &given)];
            told(Code::InvalidArgument, message, "TOO_LARGE", figures, None)
        }
        EngineError::Overloaded => {
            told(Code::ResourceExhausted, message, "OVERLOADED", [], Some(RETRY_SOON))
        }
        EngineError::Down { why } => {
            tracing::error!(why, "the log does not answer");
            down()
        }
        EngineError::Corrupt { stream, revision, why } => {
            tracing::error!(%stream, %revision, why, "corrupt history");
            corrupt()
        }
        EngineError::LogCorrupt { why } => {
            tracing::error!(why, "corrupt log");
            corrupt()
        }
    }
}

/// The log or the views do not answer. What was asked may or may not have taken effect.
#[must_use]
pub fn down() -> Status {
    let message = "the service cannot answer now; the same request may be sent again".to_owned();
    told(Code::Unavailable, message, "DOWN", [], Some(RETRY_LATER))
}

/// What is on record cannot have happened.
#[must_use]
pub fn corrupt() -> Status {
    Status::data_loss("what is on record here does not hold; the operator can see why")
}

/// What a query names is not there.
#[must_use]
pub fn absent(what: &str) -> Status {
    let figures = [("what".to_owned(), what.to_owned())];
    told(Code::NotFound, format!("there is no such {what}"), "NO_SUCH", figures, None)
}

/// A view has not come as far as the caller asks.
#[must_use]
pub fn behind() -> Status {
    let message = "the view has not come as far as `at_least`".to_owned();
    told(Code::Unavailable, message, "VIEW_BEHIND", [], Some(RETRY_SOON))
}

/// Too many calls are under way.
#[must_use]
pub fn busy(limit: usize) -> Status {
    let figures = [("limit".to_owned(), limit.to_string())];
    let message = format!("{limit} calls are under way, and no more are taken");
    told(Code::ResourceExhausted, message, "TOO_MANY_CALLS", figures, Some(RETRY_SOON))
}

/// Too many callers watch.
#[must_use]
pub fn watched(limit: usize) -> Status {
    let figures = [("limit".to_owned(), limit.to_string())];
    let message = format!("{limit} callers watch, and no more are taken");
    told(Code::ResourceExhausted, message, "TOO_MANY_WATCHES", figures, Some(RETRY_LATER))
}

/// The caller reads more slowly than things change.
#[must_use]
pub fn overtaken() -> Status {
    let message = "changes came faster than they were read; watch again from the last position";
    told(Code::Aborted, message.to_owned(), "WATCH_OVERTAKEN", [], Some(RETRY_SOON))
}

/// More happened since a position than is gone through again.
#[must_use]
pub fn too_far_back(events: u64, limit: u64) -> Status {
    let figures = [("events", events), ("limit", limit)];
    let figures = figures.map(|(name, figure)| (name.to_owned(), figure.to_string()));
    let message = format!("{events} events since `after`, more than {limit}: list again");
    told(Code::OutOfRange, message, "WATCH_TOO_FAR_BACK", figures, None)
}

/// The deadline passed. What was asked may or may not have taken effect.
#[must_use]
pub fn late() -> Status {
    plain(
        Code::DeadlineExceeded,
        "the deadline passed; the same request may be sent again",
        "DEADLINE_PASSED",
    )
}

/// The token is not accepted.
#[must_use]
pub fn unauthenticated(error: TokenError) -> Status {
    let reason = match error {
        TokenError::Missing => "TOKEN_MISSING",
        TokenError::Expired => "TOKEN_EXPIRED",
        TokenError::Invalid => "TOKEN_INVALID",
    };
    plain(Code::Unauthenticated, &error.to_string(), reason)
}

/// The role of the token may not call this.
#[must_use]
pub fn forbidden(role: Role) -> Status {
    let message = format!("{role:?} accounts may not call this").to_lowercase();
    plain(Code::PermissionDenied, &message, "ROLE_NOT_ALLOWED")
}

/// The status of a SQL statement without a whole answer.
#[cfg(feature = "flight")]
#[must_use]
pub fn sql(error: crate::flight::SqlError) -> Status {
    use crate::flight::SqlError;

    let limits = |limit: &dyn ToString| vec![("limit".to_owned(), limit.to_string())];
    let (code, reason, figures) = match &error {
        SqlError::Length { limit, .. } => (Code::InvalidArgument, "SQL_TOO_LONG", limits(limit)),
        SqlError::Count(_) => (Code::InvalidArgument, "SQL_NOT_ONE_STATEMENT", vec![]),
        SqlError::NotASelect => (Code::InvalidArgument, "SQL_NOT_A_SELECT", vec![]),
        SqlError::Invalid(_) => (Code::InvalidArgument, "SQL_INVALID", vec![]),
        SqlError::Failed(_) => (Code::InvalidArgument, "SQL_FAILED", vec![]),
        SqlError::Parameters(_) => (Code::InvalidArgument, "SQL_PARAMETERS", vec![]),
        SqlError::Handle(_) => (Code::InvalidArgument, "SQL_HANDLE", vec![]),
        SqlError::Personal { table } => {
            let figures = vec![("table".to_owned(), table.clone())];
            (Code::PermissionDenied, "PERSONAL_DATA", figures)
        }
        SqlError::Time(limit) => (Code::DeadlineExceeded, "SQL_TIME", limits(&limit.as_secs_f64())),
        SqlError::Rows(limit) => (Code::ResourceExhausted, "SQL_ROWS", limits(limit)),
        SqlError::Memory(limit) => (Code::ResourceExhausted, "SQL_MEMORY", limits(limit)),
        SqlError::Cancelled => (Code::Cancelled, "SQL_CANCELLED", vec![]),
        SqlError::Broken => (Code::Internal, "SQL_BROKEN", vec![]),
        SqlError::Query(why) => return crate::services::unanswered(why.clone()),
    };
    told(code, error.to_string(), reason, figures, None)
}

#[cfg(test)]
mod tests;
