//! Why a statement has no answer.

use std::time::Duration;

use arrow::error::ArrowError;
use arrow_flight::error::FlightError;
use datafusion::error::DataFusionError;
use huzhu_projections::query::QueryError;
use huzhu_projections::rows::DatabaseError;

/// Why a statement has no answer, or no whole one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    /// It is longer than statements may be.
    #[error("the statement has {given} bytes, more than {limit}")]
    Length {
        /// How many bytes it may have.
        limit: usize,
        /// How many it has.
        given: usize,
    },
    /// There is not exactly one statement.
    #[error("one statement is taken at a time, not {0}")]
    Count(usize),
    /// It does something else than select.
    #[error("views are only read: a statement begins with SELECT, WITH or VALUES")]
    NotASelect,
    /// It reads personal data, which is not for the caller's role.
    #[error("{table} holds personal data, which analysts do not see")]
    Personal {
        /// The relation.
        table: String,
    },
    /// It is not SQL, or does not fit the views.
    #[error("{0}")]
    Invalid(String),
    /// It cannot be computed for some row.
    #[error("the statement failed: {0}")]
    Failed(String),
    /// The values do not fit its placeholders.
    #[error("the statement's parameters: {0}")]
    Parameters(String),
    /// A handle or ticket is not one that this service gave.
    #[error("this is no {0} of this service")]
    Handle(&'static str),
    /// It ran for as long as statements may.
    #[error("the statement ran for {0:?}, and no longer is allowed")]
    Time(Duration),
    /// Its answer has as many rows as answers may, and more.
    #[error("the answer has more than {0} rows: narrow it down, or say LIMIT")]
    Rows(u64),
    /// Sorting, grouping or joining needs more memory than there is for it.
    #[error("the statement needs more than the {0} bytes that all statements may hold")]
    Memory(usize),
    /// The caller cancelled it.
    #[error("the statement was cancelled")]
    Cancelled,
    /// The program let it down.
    #[error("the statement ended without an answer")]
    Broken,
    /// The views cannot be read, or not yet.
    #[error(transparent)]
    Query(#[from] QueryError),
}

impl SqlError {
    /// What DataFusion says, where all statements may hold `memory` bytes.
    pub(super) fn of(error: &DataFusionError, memory: usize) -> Self {
        match error.find_root() {
            DataFusionError::ResourcesExhausted(_) => Self::Memory(memory),
            DataFusionError::SQL(..)
            | DataFusionError::Plan(_)
            | DataFusionError::SchemaError(..)
            | DataFusionError::Configuration(_)
            | DataFusionError::NotImplemented(_) => Self::Invalid(said(error)),
            DataFusionError::Diagnostic(_, inner) => Self::of(inner, memory),
            DataFusionError::Collection(all) => {
                all.first().map_or(Self::Broken, |first| Self::of(first, memory))
            }
            DataFusionError::External(inner) => match inner.downcast_ref::<DatabaseError>() {
                Some(why) => Self::Query(QueryError::Database(why.clone())),
                None => Self::Failed(said(error)),
            },
            DataFusionError::ArrowError(inner, _) => Self::of_arrow(inner, memory),
            DataFusionError::Execution(_) => Self::Failed(said(error)),
            other => {
                tracing::error!(why = %kind(other), "a statement was let down");
                Self::Broken
            }
        }
    }

    fn of_arrow(error: &ArrowError, memory: usize) -> Self {
        match error {
            ArrowError::ExternalError(inner) => match inner.downcast_ref::<DataFusionError>() {
                Some(inner) => Self::of(inner, memory),
                None => Self::Failed(error.to_string()),
            },
            _ => Self::Failed(error.to_string()),
        }
    }
}

/// An error on its way through an encoder that knows only its own.
impl From<SqlError> for FlightError {
    fn from(error: SqlError) -> Self {
        Self::ExternalError(Box::new(error))
    }
}

impl From<FlightError> for SqlError {
    fn from(error: FlightError) -> Self {
        match error {
            FlightError::ExternalError(inner) => {
                inner.downcast::<Self>().map_or(Self::Broken, |error| *error)
            }
            _ => Self::Broken,
        }
    }
}

fn said(error: &DataFusionError) -> String {
    error.strip_backtrace()
}

/// Which error it is; its text may quote what a row says.
fn kind(error: &DataFusionError) -> String {
    let text = format!("{error:?}");
    text.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().to_owned()
}
