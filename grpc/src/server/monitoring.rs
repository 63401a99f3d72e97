//! The second port: what Prometheus reads.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;

use http_body_util::Full;
use huzhu_projections::checkpoint::Checkpoint;
use huzhu_projections::worker::Status;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::sync::watch;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use super::log::Log;
use crate::clock::Clock;
use crate::metrics::Metrics;

/// Answers `GET /metrics` until the service stops.
pub(super) async fn serve(
    listener: TcpListener,
    metrics: Metrics,
    log: Log,
    views: watch::Receiver<Arc<Status>>,
    clock: Clock,
    mut stopped: watch::Receiver<bool>,
) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        tracing::error!("metrics cannot be served");
        return;
    };
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // The peer went away, or the system is short of something; the next may do.
                Err(why) => {
                    tracing::debug!(%why, "a reader of metrics did not connect");
                    continue;
                }
            },
            _ = stopped.wait_for(|stopped| *stopped) => return,
        };
        let (metrics, log) = (metrics.clone(), log.clone());
        let (views, clock) = (views.clone(), clock.clone());
        let answer = service_fn(move |request: Request<Incoming>| {
            log.statistics().into_iter().for_each(|statistics| metrics.take_log(statistics));
            metrics.take_views(&views.borrow(), clock.now());
            let response = respond(&request, &metrics);
            async move { Ok::<_, Infallible>(response) }
        });
        tokio::spawn(async move {
            // A reader who goes away is nobody's loss.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

/// Says of each view whether it goes on, as the health of `huzhu.view.{view}`.
pub(super) async fn show_views(health: HealthReporter, mut views: watch::Receiver<Arc<Status>>) {
    let mut told = BTreeMap::new();
    loop {
        let status = Arc::clone(&views.borrow_and_update());
        let goes_on = |view: &Checkpoint| (view.projection.clone(), status.goes_on(view));
        let now: Vec<_> = status.checkpoints.iter().map(goes_on).collect();
        for (view, goes_on) in now {
            if told.insert(view.clone(), goes_on) != Some(goes_on) {
                let status =
                    if goes_on { ServingStatus::Serving } else { ServingStatus::NotServing };
                health.set_service_status(format!("huzhu.view.{view}"), status).await;
            }
        }
        if views.changed().await.is_err() {
            return;
        }
    }
}

fn respond(request: &Request<Incoming>, metrics: &Metrics) -> Response<Full<Bytes>> {
    let known = request.method() == Method::GET && request.uri().path() == "/metrics";
    let text = if known { metrics.text() } else { "see /metrics\n".to_owned() };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    if known {
        let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        if let Ok(format) = format.parse() {
            response.headers_mut().insert("content-type", format);
        }
    } else {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}

#[cfg(test)]
mod tests {
    use huzhu_projections::worker::Left;
    use huzhu_store::port::StoreId;
    use jiff::Timestamp;
    use tonic::Request;
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_server::Health;
    use tonic_health::server::HealthService;
    use uuid::Uuid;

    use super::*;

    const STORE: StoreId = StoreId(Uuid::nil());

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Claims as other code left them, covers as they should be.
    fn left() -> Status {
        let claims =
            Left { view: "claims".into(), at: 0, next_is_built: false, behind_since: Some(at(40)) };
        Status {
            store: STORE,
            checkpoints: ["claims", "covers"].map(|view| Checkpoint::start(view, 1, STORE)).into(),
            editions: Vec::new(),
            head: 7,
            built_per_second: 0,
            standing_by: false,
            behind_since: None,
            left: vec![claims],
            trouble: None,
        }
    }

    #[tokio::test]
    async fn a_view_that_nobody_keeps_is_not_healthy() {
        let health = HealthReporter::new();
        let service = HealthService::from_health_reporter(health.clone());
        let (told, views) = watch::channel(Arc::new(left()));
        // Nobody tells more: what was told is shown, and that is all.
        drop(told);
        show_views(health, views).await;
        for (view, expected) in
            [("claims", ServingStatus::NotServing), ("covers", ServingStatus::Serving)]
        {
            let asked = HealthCheckRequest { service: format!("huzhu.view.{view}") };
            let answer = service.check(Request::new(asked)).await.unwrap().into_inner();
            assert_eq!(answer.status, expected as i32, "{view}");
        }
    }

    #[test]
    fn a_view_that_nobody_keeps_is_behind_since_the_first_event_that_it_lacks() {
        let metrics = Metrics::default();
        metrics.take_views(&left(), at(45));
        let text = metrics.text();
        assert!(text.contains("huzhu_view_lag_seconds{view=\"claims\"} 5.0"), "{text}");
        assert!(text.contains("huzhu_view_lag_seconds{view=\"covers\"} 0.0"), "{text}");
    }
}
