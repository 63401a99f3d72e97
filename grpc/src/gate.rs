//! What every call passes on its way in: a place, a token, the role's right; and what is counted.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use huzhu_domain::envelope::Actor;
use tokio::sync::Semaphore;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Request, Response};
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::auth::table::{self, Rule};
use crate::auth::{TokenError, Verifier};
use crate::clock::Clock;
use crate::eventstore;
use crate::metrics::{Call, Metrics};
use crate::status;

/// How much earlier a call ends than its caller's deadline.
const AHEAD: Duration = Duration::from_millis(2);

/// The layer that lets calls in.
#[derive(Clone)]
pub struct Gate {
    inner: Arc<Inner>,
}

struct Inner {
    verifier: Arc<Verifier>,
    clock: Clock,
    metrics: Metrics,
    places: Arc<Semaphore>,
    bounds: Bounds,
}

/// What the gate allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How many calls may be under way; more are refused, never queued.
    pub in_flight_max: usize,
    /// How long a call may take whose caller says nothing of it.
    pub deadline: Duration,
    /// The same for a call that streams.
    pub stream_deadline: Duration,
    /// Whether the log may be read by EventStoreDB's protocol without a token.
    pub open_log: bool,
}

impl Gate {
    /// Lets in calls within `bounds`, with a token that `verifier` accepts.
    #[must_use]
    pub fn new(verifier: Arc<Verifier>, clock: Clock, metrics: Metrics, bounds: Bounds) -> Self {
        let places = Arc::new(Semaphore::new(bounds.in_flight_max));
        Self { inner: Arc::new(Inner { verifier, clock, metrics, places, bounds }) }
    }
}

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, service: S) -> Gated<S> {
        Gated { inner: Arc::clone(&self.inner), service }
    }
}

/// A service behind the gate.
#[derive(Clone)]
pub struct Gated<S> {
    inner: Arc<Inner>,
    service: S,
}

impl<S, B> Service<Request<B>> for Gated<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let rpc = rpc(request.uri().path());
        let permit = Arc::clone(&self.inner.places).try_acquire_owned();
        let Ok(permit) = permit else {
            self.inner.metrics.refused.inc();
            let status = status::busy(self.inner.bounds.in_flight_max);
            self.inner.count(rpc, status.code());
            return Box::pin(async move { Ok(status.into_http()) });
        };
        match self.inner.admit(request.uri().path(), request.headers()) {
            Ok(Some(actor)) => {
                request.extensions_mut().insert(actor);
            }
            Ok(None) => {}
            Err(status) => {
                self.inner.count(rpc, status.code());
                return Box::pin(async move { Ok((*status).into_http()) });
            }
        }
        let inner = Arc::clone(&self.inner);
        let begun = now();
        let deadline = self.inner.deadline(request.uri().path(), request.headers());
        let answer = self.service.call(request);
        Box::pin(async move {
            let under_way = UnderWay::new(&inner.metrics);
            let answer = match tokio::time::timeout(deadline, answer).await {
                Ok(answer) => answer,
                Err(_elapsed) => Ok(status::late().into_http()),
            };
            drop(under_way);
            drop(permit);
            inner.metrics.latency.observe(begun.elapsed().as_secs_f64());
            // An error comes in the headers; a call that went well ends with trailers.
            let code = answer.as_ref().ok().map_or(Code::Unknown, |response| {
                let status = response.headers().get("grpc-status");
                status.map_or(Code::Ok, |status| Code::from_bytes(status.as_bytes()))
            });
            inner.count(rpc, code);
            answer
        })
    }
}

impl Inner {
    /// Who may come in: nobody in particular where no token is needed.
    fn admit(&self, path: &str, headers: &HeaderMap) -> Result<Option<Arc<Actor>>, Box<Status>> {
        let roles = match table::rule(path) {
            Rule::Open => return Ok(None),
            // What does not exist is said by the router, to anybody.
            Rule::Unknown => return Ok(None),
            // What nobody may do needs no token to be refused.
            Rule::Roles([]) => return Err(Box::new(status::eventstore::access_denied(None))),
            Rule::Roles(roles) => roles,
        };
        let header = headers.get("authorization").and_then(|value| value.to_str().ok());
        let now = self.clock.now();
        let foreign = table::is_eventstore(path);
        let verified = if !foreign {
            self.verifier.verify(header, now)
        } else if let Some(token) = header.and_then(eventstore::secret) {
            self.verifier.verify_token(&token, now)
        } else if self.bounds.open_log {
            return Ok(None);
        } else {
            Err(TokenError::Missing)
        };
        let actor = verified.map_err(|error| Box::new(status::unauthenticated(error)))?;
        if roles.contains(&actor.role) {
            return Ok(Some(actor));
        }
        let forbidden = status::forbidden(actor.role);
        Err(Box::new(if foreign { status::eventstore::denied(forbidden) } else { forbidden }))
    }

    /// How long a call may take: what its caller says, if that is less than what is allowed.
    fn deadline(&self, path: &str, headers: &HeaderMap) -> Duration {
        let allowed =
            if table::streams(path) { self.bounds.stream_deadline } else { self.bounds.deadline };
        // The transport keeps the same time, and would say less of why the call ended.
        let asked = patience(headers).map(|asked| asked.saturating_sub(AHEAD));
        asked.map_or(allowed, |asked| asked.min(allowed))
    }

    fn count(&self, rpc: String, code: Code) {
        self.metrics.calls.get_or_create(&Call { rpc, code: name(code) }).inc();
    }
}

/// Counts a call as under way, also if its caller goes away.
struct UnderWay<'m>(&'m Metrics);

impl<'m> UnderWay<'m> {
    fn new(metrics: &'m Metrics) -> Self {
        metrics.in_flight.inc();
        Self(metrics)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.in_flight.dec();
    }
}

/// The RPC of a path without its package; one name for whatever does not exist, so that strangers
/// cannot fill the metrics.
fn rpc(path: &str) -> String {
    match table::rule(path) {
        Rule::Unknown => "unknown".to_owned(),
        Rule::Open | Rule::Roles(_) => {
            path.rsplit_once('.').map_or(path, |(_, name)| name).to_owned()
        }
    }
}

/// How long the caller waits, as a `grpc-timeout` header says.
pub(crate) fn patience(headers: &HeaderMap) -> Option<Duration> {
    headers.get("grpc-timeout").and_then(|value| value.to_str().ok()).and_then(timeout)
}

/// What a `grpc-timeout` header says: up to eight digits and a unit.
fn timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number.saturating_mul(3_600))),
        "M" => Some(Duration::from_secs(number.saturating_mul(60))),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

fn now() -> Instant {
    Instant::now()
}

/// What metrics call a status code.
pub(crate) const fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_read_as_grpc_writes_it() {
        let read = [("3S", 3_000), ("250m", 250), ("2M", 120_000), ("1H", 3_600_000)];
        for (text, millis) in read {
            assert_eq!(timeout(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "S", "5", "5 S", "-1S", "123456789S", "1秒"] {
            assert_eq!(timeout(text), None, "{text}");
        }
    }
}
