//! What the stories in `tests/` share: a service to talk to, callers who hold tokens, a union with
//! four levels, and words for what happens in it.
//!
//! Stories drive the engine only through the public contract.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::missing_errors_doc,
    reason = "a story that cannot go on has failed, and says where"
)]

#[cfg(feature = "flight")]
pub mod analyst;
#[cfg(feature = "cluster")]
pub mod between;
pub mod caller;
pub mod facts;
#[cfg(feature = "cluster")]
pub mod host;
pub mod node;
pub mod outside;
pub mod people;
pub mod program;
pub mod raw;
pub mod requests;
pub mod service;
#[cfg(feature = "cluster")]
pub mod tls;
pub mod union;

pub use huzhu_grpc::contract;
pub use huzhu_grpc::contract::huzhu::audit::v1 as audit;
pub use huzhu_grpc::contract::huzhu::command::v1 as command;
pub use huzhu_grpc::contract::huzhu::query::v1 as query;
pub use huzhu_grpc::contract::huzhu::r#type::v1 as wire;

/// A new request id.
#[must_use]
pub fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// A runtime for one story: the service under test has a thread of its own.
pub fn story<F: Future>(story: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(story)
}

/// What a refusal says of itself: the code, the stable reason and its figures.
#[must_use]
pub fn reason(status: &tonic::Status) -> String {
    use tonic_types::StatusExt;
    status.get_details_error_info().map_or_else(String::new, |info| info.reason)
}

/// A figure of a refusal.
#[must_use]
pub fn figure(status: &tonic::Status, name: &str) -> String {
    use tonic_types::StatusExt;
    let figures = status.get_details_error_info().map(|info| info.metadata).unwrap_or_default();
    figures.get(name).cloned().unwrap_or_default()
}

/// The fields that a malformed request is told about.
#[must_use]
pub fn bad_fields(status: &tonic::Status) -> Vec<String> {
    use tonic_types::StatusExt;
    let bad = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    bad.into_iter().map(|violation| violation.field).collect()
}
