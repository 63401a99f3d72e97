//! Statements on their way: on threads of their own, within their bounds, until they end or
//! somebody ends them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::datatypes::{Schema, SchemaRef};
use arrow_flight::FlightData;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use huzhu_domain::envelope::Actor;
use huzhu_domain::id::Subject;
use huzhu_projections::catalogue::{Relation, relations};
use huzhu_projections::query::{Freshness, Queries, QueryError, Wish};
use huzhu_projections::snapshot::SELECTS_MAX;
use huzhu_store::port::Position;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::handle::{Bound, Ticket};
use super::relation::selects;
use super::statement::{Planned, Planner};
use super::{Limits, SqlError};
use crate::metrics::{Metrics, Statement};
use crate::server::ServeError;
use crate::status;

/// Threads that plan and run statements.
const THREADS: usize = 2;
/// The stack of each, of which little is ever touched: a statement may nest as deep as it has signs.
const STACK_BYTES: usize = 512 * 1024 * 1024;
/// How many messages wait for a caller who reads slowly; each holds about a batch of rows.
const MESSAGES_AHEAD: usize = 4;

/// Under these names the metadata of an answer's schema says what it reflects.
pub(super) const POSITION: &str = "huzhu:position";
pub(super) const RECORDED_AT: &str = "huzhu:recorded_at";

/// Answers statements.
pub struct Analysis {
    planner: Arc<Planner>,
    queries: Queries,
    limits: Limits,
    metrics: Metrics,
    turns: Arc<Semaphore>,
    running: Mutex<HashMap<Uuid, Run>>,
    // Taken when the service ends.
    threads: Option<Runtime>,
}

/// A statement that runs.
struct Run {
    whose: Subject,
    cancelled: Arc<Notify>,
}

/// What a caller asks to be run.
pub(super) struct Asked {
    pub(super) ticket: Ticket,
    pub(super) actor: Arc<Actor>,
    /// The position that the answer has to reflect; any if absent.
    pub(super) at_least: Option<Position>,
    /// When the caller no longer waits, if they say so.
    pub(super) until: Option<Instant>,
}

/// An answer that has begun.
pub(super) struct Begun {
    pub(super) freshness: Freshness,
    pub(super) messages: BoxStream<'static, Result<FlightData, tonic::Status>>,
}

/// A part of an answer. One that ends without [`Part::End`] or [`Part::Failed`] was broken off.
enum Part {
    Data(FlightData),
    Failed(SqlError),
    End,
}

impl Analysis {
    /// Answers statements over the views that `queries` reads.
    ///
    /// # Errors
    ///
    /// [`ServeError`] when the views cannot be planned over, or there are no threads.
    pub fn new(queries: Queries, limits: Limits, metrics: Metrics) -> Result<Self, ServeError> {
        let planner =
            Planner::new(relations(), limits).map_err(|why| ServeError::Views(why.to_string()))?;
        let threads = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_stack_size(STACK_BYTES)
            .thread_name("huzhu-sql")
            .enable_time()
            .build()
            .map_err(|why| ServeError::System(why.to_string()))?;
        Ok(Self {
            planner: Arc::new(planner),
            queries,
            limits,
            metrics,
            turns: Arc::new(Semaphore::new(limits.statements.max(1))),
            running: Mutex::default(),
            threads: Some(threads),
        })
    }

    /// What this caller may read.
    pub(super) fn relations(&self, actor: &Actor) -> &[Arc<Relation>] {
        self.planner.relations(actor.role)
    }

    /// What statements may take.
    pub(super) const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Runs `work` away from the thread that takes commands.
    async fn away<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, SqlError>> + Send + 'static,
    ) -> Result<T, SqlError> {
        let threads = self.threads.as_ref().ok_or(SqlError::Broken)?;
        threads.spawn(work).await.map_err(|_| SqlError::Broken)?
    }

    /// The columns of a statement's answer, and its parameters.
    pub(super) async fn describe(
        &self,
        sql: String,
        actor: Arc<Actor>,
    ) -> Result<(SchemaRef, Schema), SqlError> {
        let planner = Arc::clone(&self.planner);
        self.away(async move {
            let planned = planner.plan(&sql, actor.role).await?;
            let parameters = planned.parameters()?;
            let schema = planned.schema().map_err(|why| SqlError::of(&why, planner.memory()))?;
            Ok((schema, parameters))
        })
        .await
    }

    /// The columns of a statement's answer, with its values bound.
    pub(super) async fn schema(
        &self,
        bound: Bound,
        actor: Arc<Actor>,
    ) -> Result<SchemaRef, SqlError> {
        let planner = Arc::clone(&self.planner);
        self.away(async move { Ok(physical(&planner, &bound, &actor).await?.1.schema()) }).await
    }

    /// Runs a statement; the answer goes on as far as it is read.
    pub(super) async fn run(self: Arc<Self>, asked: Asked) -> Result<Begun, SqlError> {
        let name = asked.ticket.run()?;
        let cancelled = Arc::new(Notify::new());
        let run = Run { whose: asked.actor.subject.clone(), cancelled: Arc::clone(&cancelled) };
        let (parts, mut coming) = mpsc::channel(MESSAGES_AHEAD);
        let (begun, beginning) = oneshot::channel();
        let threads = self.threads.as_ref().ok_or(SqlError::Broken)?;
        threads.spawn(Arc::clone(&self).drive(name, run, asked, begun, parts));
        let Ok(freshness) = beginning.await else {
            // It ended before it began, and says why.
            return Err(match coming.recv().await {
                Some(Part::Failed(why)) => why,
                Some(Part::Data(_) | Part::End) | None => SqlError::Broken,
            });
        };
        let messages = futures::stream::unfold(Some(coming), |coming| async {
            let mut coming = coming?;
            match coming.recv().await {
                Some(Part::Data(data)) => Some((Ok(data), Some(coming))),
                Some(Part::End) => None,
                Some(Part::Failed(why)) => Some((Err(status::sql(why)), None)),
                None => Some((Err(status::sql(SqlError::Broken)), None)),
            }
        });
        Ok(Begun { freshness, messages: messages.boxed() })
    }

    /// Ends a statement that runs; whether there was one of this caller.
    pub(super) fn cancel(&self, run: Uuid, actor: &Actor) -> bool {
        let running = self.running();
        let run = running.get(&run).filter(|run| run.whose == actor.subject);
        run.inspect(|run| run.cancelled.notify_one()).is_some()
    }

    fn running(&self) -> MutexGuard<'_, HashMap<Uuid, Run>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets a statement that ended. The same ticket may run twice; the later run has the name.
    fn forget(&self, name: Uuid, cancelled: &Arc<Notify>) {
        let mut running = self.running();
        if running.get(&name).is_some_and(|run| Arc::ptr_eq(&run.cancelled, cancelled)) {
            running.remove(&name);
        }
    }

    async fn drive(
        self: Arc<Self>,
        name: Uuid,
        run: Run,
        asked: Asked,
        begun: oneshot::Sender<Freshness>,
        parts: mpsc::Sender<Part>,
    ) {
        let cancelled = Arc::clone(&run.cancelled);
        self.running().insert(name, run);
        self.metrics.sql_running.inc();
        // The clock does not end within this time.
        let allowed = Instant::now().checked_add(self.limits.time);
        let until = allowed.into_iter().chain(asked.until).min().unwrap_or_else(Instant::now);
        let late = match asked.until {
            Some(theirs) if theirs == until => SqlError::Query(QueryError::Deadline),
            _ => SqlError::Time(self.limits.time),
        };
        let ended = tokio::select! {
            biased;
            () = parts.closed() => None,
            () = cancelled.notified() => Some(Err(SqlError::Cancelled)),
            answer = timeout_at(until, self.answer(asked, until, begun, &parts)) => {
                Some(answer.unwrap_or(Err(late)))
            }
        };
        self.forget(name, &cancelled);
        let code = match &ended {
            Some(Ok(())) => tonic::Code::Ok,
            Some(Err(why)) => status::sql(why.clone()).code(),
            None => tonic::Code::Cancelled,
        };
        self.metrics.sql.get_or_create(&Statement { code: crate::gate::name(code) }).inc();
        self.metrics.sql_running.dec();
        let last = match ended {
            Some(Ok(())) => Part::End,
            Some(Err(why)) => Part::Failed(why),
            None => return,
        };
        // Whoever asked may have gone.
        drop(parts.send(last).await);
    }

    async fn answer(
        &self,
        asked: Asked,
        until: Instant,
        begun: oneshot::Sender<Freshness>,
        parts: &mpsc::Sender<Part>,
    ) -> Result<(), SqlError> {
        let (planned, plan) = physical(&self.planner, &asked.ticket.bound, &asked.actor).await?;
        let _turn = self.turns.acquire().await.map_err(|_| SqlError::Broken)?;
        let selects = selects(&plan);
        if selects > SELECTS_MAX {
            let why = format!("a statement reads at most {SELECTS_MAX} tables, not {selects}");
            return Err(SqlError::Invalid(why));
        }
        let wish = Wish { at_least: asked.at_least, deadline: until };
        let snapshot = self.queries.snapshot(&planned.projections, selects, wish).await;
        let snapshot = snapshot.map_err(|why| match why {
            QueryError::Deadline => SqlError::Time(self.limits.time),
            why => SqlError::Query(why),
        })?;
        let freshness = snapshot.freshness(&planned.projections);
        let config = planned.state.config().clone().with_extension(Arc::new(snapshot));
        let context = TaskContext::from(&planned.state).with_session_config(config);
        let memory = self.limits.memory;
        let failed = move |why| SqlError::of(&why, memory);
        let rows = execute_stream(Arc::clone(&plan), Arc::new(context)).map_err(failed)?;
        let schema = told(&plan.schema(), freshness);
        let (mut count, limit) = (0_u64, self.limits.rows);
        let metrics = self.metrics.clone();
        let rows = rows.map_err(failed).and_then(move |batch| {
            let rows = u64::try_from(batch.num_rows()).unwrap_or(u64::MAX);
            count = count.saturating_add(rows);
            metrics.sql_rows.inc_by(rows);
            let within = if count > limit { Err(SqlError::Rows(limit)) } else { Ok(batch) };
            futures::future::ready(within)
        });
        let mut messages = FlightDataEncoderBuilder::new()
            .with_schema(schema)
            .build(rows.map_err(FlightError::from));
        // Whoever asked may have gone; then this ends with them.
        begun.send(freshness).map_err(|_| SqlError::Cancelled)?;
        while let Some(message) = messages.next().await {
            parts.send(Part::Data(message?)).await.map_err(|_| SqlError::Cancelled)?;
        }
        Ok(())
    }
}

impl Drop for Analysis {
    fn drop(&mut self) {
        // What still runs is for nobody any more.
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

/// How a statement is run.
async fn physical(
    planner: &Planner,
    bound: &Bound,
    actor: &Actor,
) -> Result<(Planned, Arc<dyn ExecutionPlan>), SqlError> {
    let planned = planner.plan(&bound.sql, actor.role).await?.bind(bound, planner.memory())?;
    let plan = planned.state.create_physical_plan(&planned.plan).await;
    let plan = plan.map_err(|why| SqlError::of(&why, planner.memory()))?;
    Ok((planned, plan))
}

/// `schema`, saying what the answer reflects.
fn told(schema: &SchemaRef, freshness: Freshness) -> SchemaRef {
    let mut metadata = schema.metadata().clone();
    if let Some(position) = freshness.position {
        metadata.insert(POSITION.to_owned(), position.to_string());
    }
    if let Some(recorded_at) = freshness.recorded_at {
        metadata.insert(RECORDED_AT.to_owned(), recorded_at.to_string());
    }
    Arc::new(schema.as_ref().clone().with_metadata(metadata))
}
