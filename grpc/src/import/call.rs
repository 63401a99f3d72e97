//! Calls of the service that are sent again until it answers.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::{ImportError, Wrong};
use crate::client::DeskError;

/// The pauses before a request is sent again.
const PAUSES: [u64; 6] = [100, 300, 1_000, 2_000, 4_000, 8_000];

impl From<DeskError> for ImportError {
    fn from(error: DeskError) -> Self {
        Self::Down(error.to_string())
    }
}

/// Sends a request, the same one again where the service has no time for it.
///
/// # Errors
///
/// [`ImportError`] when it does not answer or the caller has no right; the inner error is what the
/// service has against this request.
pub async fn patiently<T, F, A>(mut send: F) -> Result<Result<T, Status>, ImportError>
where
    F: FnMut() -> A,
    A: Future<Output = Result<T, Status>>,
{
    let mut pauses = PAUSES.iter();
    loop {
        let status = match send().await {
            Ok(answer) => return Ok(Ok(answer)),
            Err(status) => status,
        };
        let told = || format!("{:?}: {}", status.code(), status.message());
        match status.code() {
            Code::Unavailable
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::DeadlineExceeded => {
                let Some(pause) = pauses.next() else { return Err(ImportError::Down(told())) };
                tokio::time::sleep(Duration::from_millis(*pause)).await;
            }
            Code::Unauthenticated | Code::PermissionDenied => {
                return Err(ImportError::Refused(told()));
            }
            Code::Ok
            | Code::Cancelled
            | Code::Unknown
            | Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::Internal
            | Code::DataLoss => return Ok(Err(status)),
        }
    }
}

/// The stable reason of a refusal.
#[must_use]
pub fn reason(status: &Status) -> String {
    status.get_details_error_info().map_or_else(String::new, |info| info.reason)
}

/// What the service has against a request, at the cells that `place` finds for its fields; the
/// whole refusal is at the cell of no field.
#[must_use]
pub fn wrong(status: &Status, place: impl Fn(Option<&str>) -> String) -> Vec<Wrong> {
    let fields = status.get_details_bad_request().map(|bad| bad.field_violations);
    match fields.filter(|fields| !fields.is_empty()) {
        Some(fields) => {
            let at = |field: tonic_types::FieldViolation| Wrong {
                cell: place(Some(&field.field)),
                why: field.description,
            };
            fields.into_iter().map(at).collect()
        }
        None => {
            let reason = reason(status);
            let reason = if reason.is_empty() { format!("{:?}", status.code()) } else { reason };
            vec![Wrong { cell: place(None), why: format!("{reason}: {}", status.message()) }]
        }
    }
}
