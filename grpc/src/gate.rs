//! What every call passes on its way in: a place, a token, the role's right; and what is counted.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use huzhu_domain::envelope::Actor;
use tokio::sync::Semaphore;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Request, Response};
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::auth::Verifier;
use crate::auth::table::{self, Rule};
use crate::clock::Clock;
use crate::metrics::{Call, Metrics};
use crate::status;

/// The layer that lets calls in.
#[derive(Clone)]
pub struct Gate {
    inner: Arc<Inner>,
}

struct Inner {
    verifier: Verifier,
    clock: Clock,
    metrics: Metrics,
    places: Arc<Semaphore>,
    in_flight_max: usize,
}

impl Gate {
    /// Lets in at most `in_flight_max` calls at a time, with a token that `verifier` accepts.
    #[must_use]
    pub fn new(verifier: Verifier, clock: Clock, metrics: Metrics, in_flight_max: usize) -> Self {
        let places = Arc::new(Semaphore::new(in_flight_max));
        Self { inner: Arc::new(Inner { verifier, clock, metrics, places, in_flight_max }) }
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
            let status = status::busy(self.inner.in_flight_max);
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
        let answer = self.service.call(request);
        Box::pin(async move {
            let under_way = UnderWay::new(&inner.metrics);
            let answer = answer.await;
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
            Rule::Roles(roles) => roles,
        };
        let header = headers.get("authorization").and_then(|value| value.to_str().ok());
        let actor = self
            .verifier
            .verify(header, self.clock.now())
            .map_err(|error| Box::new(status::unauthenticated(error)))?;
        if roles.contains(&actor.role) {
            Ok(Some(actor))
        } else {
            Err(Box::new(status::forbidden(actor.role)))
        }
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

fn now() -> Instant {
    Instant::now()
}

const fn name(code: Code) -> &'static str {
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
