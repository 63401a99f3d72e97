//! What the service counts, as Prometheus reads it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};

use huzhu_projections::edition::Role;
use huzhu_projections::worker::Status;
use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// From a tenth of a millisecond to some seconds.
const SECONDS: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Labels of a call. Never personal data.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Call {
    /// The RPC, such as `ClaimService/FileClaim`.
    pub rpc: String,
    /// The status code it ended with, such as `OK`.
    pub code: &'static str,
}

/// The label of a statement.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Statement {
    /// The status code it ended with, such as `OK`.
    pub code: &'static str,
}

/// The label of a view.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct View {
    /// Its name.
    pub view: String,
}

/// Everything that is counted. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    /// Calls by RPC and result.
    pub calls: Family<Call, Counter>,
    /// How long calls take, in seconds.
    pub latency: Histogram,
    /// Calls under way.
    pub in_flight: Gauge,
    /// Calls refused because too many were under way.
    pub refused: Counter,
    /// Commits of the log.
    pub commits: Gauge<i64, AtomicI64>,
    /// Events committed.
    pub events: Gauge<i64, AtomicI64>,
    /// Events in a commit, on average since the start.
    pub commit_batch: Gauge<f64, AtomicU64>,
    /// How far each view is behind the log, in seconds.
    pub view_lag: Family<View, Gauge<f64, AtomicU64>>,
    /// The position of the last event that each view reflects.
    pub view_position: Family<View, Gauge<i64, AtomicI64>>,
    /// The position of the event that a view does not get past; 0 while it goes on.
    pub view_stopped: Family<View, Gauge<i64, AtomicI64>>,
    /// How many events of the log the edition that is being built still lacks; 0 if none is.
    pub view_unbuilt: Family<View, Gauge<i64, AtomicI64>>,
    /// How many events a second editions are being built from; 0 if none is.
    pub views_built: Gauge<i64, AtomicI64>,
    /// SQL statements by result.
    pub sql: Family<Statement, Counter>,
    /// Rows in the answers of SQL statements.
    pub sql_rows: Counter,
    /// SQL statements that run, or wait for their turn.
    pub sql_running: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("huzhu");
        let calls = Family::default();
        let latency = Histogram::new(SECONDS);
        let in_flight = Gauge::default();
        let refused = Counter::default();
        let (commits, events) = (Gauge::default(), Gauge::default());
        let commit_batch = Gauge::default();
        let view_lag = Family::default();
        let view_position = Family::default();
        let view_stopped = Family::default();
        let view_unbuilt = Family::default();
        let views_built = Gauge::default();
        let (sql, sql_rows, sql_running) =
            (Family::default(), Counter::default(), Gauge::default());
        registry.register("calls", "Calls by RPC and status code", calls.clone());
        registry.register("call_seconds", "How long calls take", latency.clone());
        registry.register("calls_in_flight", "Calls under way", in_flight.clone());
        registry.register("calls_refused", "Calls refused: too many under way", refused.clone());
        registry.register("log_commits", "Commits of the log since the start", commits.clone());
        registry.register("log_events", "Events committed since the start", events.clone());
        registry.register(
            "log_commit_batch_events",
            "Events in a commit, on average since the start",
            commit_batch.clone(),
        );
        registry.register("view_lag_seconds", "How far a view is behind the log", view_lag.clone());
        registry.register(
            "view_position",
            "The last event that a view reflects",
            view_position.clone(),
        );
        registry.register(
            "view_stopped_position",
            "The event that a view, or its next edition, does not get past; 0 while it goes on",
            view_stopped.clone(),
        );
        registry.register(
            "view_unbuilt_events",
            "Events that the next edition of a view still lacks; 0 if none is being built",
            view_unbuilt.clone(),
        );
        registry.register(
            "views_built_events_per_second",
            "Events a second from which next editions of views are being built; 0 if none is",
            views_built.clone(),
        );
        registry.register("sql_statements", "SQL statements by status code", sql.clone());
        registry.register("sql_rows", "Rows in answers of SQL statements", sql_rows.clone());
        registry.register("sql_running", "SQL statements that run or wait", sql_running.clone());
        let registry = Arc::new(registry);
        Self {
            registry,
            calls,
            latency,
            in_flight,
            refused,
            commits,
            events,
            commit_batch,
            view_lag,
            view_position,
            view_stopped,
            view_unbuilt,
            views_built,
            sql,
            sql_rows,
            sql_running,
        }
    }
}

impl Metrics {
    /// What Prometheus reads.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    /// Takes over what the log counts of itself.
    pub fn take_log(&self, statistics: huzhu_store::embedded::Statistics) {
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.commits.set(whole(statistics.commits));
        self.events.set(whole(statistics.events));
        #[expect(
            clippy::cast_precision_loss,
            clippy::float_arithmetic,
            reason = "a mean to look at"
        )]
        if statistics.commits > 0 {
            self.commit_batch.set(statistics.events as f64 / statistics.commits as f64);
        }
    }

    /// Takes over how far the views are behind at `now`.
    pub fn take_views(&self, status: &Status, now: Timestamp) {
        for view in &status.checkpoints {
            let behind = status.lags_since(view).map(|since| now.duration_since(since));
            let view = View { view: view.projection.clone() };
            let seconds = behind.map_or(0.0, |behind| behind.as_secs_f64().max(0.0));
            self.view_lag.get_or_create(&view).set(seconds);
            self.view_stopped.get_or_create(&view).set(0);
            self.view_unbuilt.get_or_create(&view).set(0);
        }
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.views_built.set(whole(status.built_per_second));
        for edition in &status.editions {
            let checkpoint = &edition.checkpoint;
            let view = View { view: checkpoint.projection.clone() };
            match edition.role {
                Role::Serving => {
                    self.view_position.get_or_create(&view).set(whole(checkpoint.offset));
                }
                Role::Building => {
                    let left = status.head.saturating_sub(checkpoint.offset);
                    self.view_unbuilt.get_or_create(&view).set(whole(left));
                }
                Role::Retired => continue,
            }
            if let Some(failure) = &checkpoint.failure {
                self.view_stopped.get_or_create(&view).set(whole(failure.offset));
            }
        }
    }
}
