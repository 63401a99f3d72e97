//! Relations as DataFusion reads them.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::future::{BoxFuture, ready};
use futures::{TryStreamExt, stream};
use huzhu_projections::arrow::{Batch, schema};
use huzhu_projections::catalogue::Relation;
use huzhu_projections::record::ColumnDef;
use huzhu_projections::rows::DatabaseError;
use huzhu_projections::snapshot::{Reading, Select, Snapshot};
use huzhu_projections::value::Kind;

use super::filter::{Condition, condition};

/// How many rows a batch has.
pub(super) const BATCH_ROWS: usize = 8_192;

/// A relation, for DataFusion.
pub(super) struct View {
    relation: Arc<Relation>,
    schema: SchemaRef,
}

impl View {
    pub(super) fn new(relation: Arc<Relation>) -> Self {
        let schema = schema(&relation);
        Self { relation, schema }
    }

    /// The select that reads what is asked for.
    fn select(
        &self,
        columns: &[&ColumnDef],
        conditions: &[Condition],
        limit: Option<usize>,
    ) -> Select {
        let mut names: Vec<_> = columns.iter().map(|column| column.name).collect();
        let mut kinds: Vec<_> = columns.iter().map(|column| column.kind).collect();
        if names.is_empty() {
            // Rows without columns are only counted.
            names.push("1");
            kinds.push(Kind::Integer);
        }
        let mut sql = format!("SELECT {} FROM {}", names.join(", "), self.relation.name);
        let tests: Vec<_> = conditions.iter().map(|condition| condition.sql.as_str()).collect();
        if !tests.is_empty() {
            sql.push_str(" WHERE ");
            sql.push_str(&tests.join(" AND "));
        }
        // More than a database can count to is no limit.
        if let Some(limit) = limit.and_then(|limit| i64::try_from(limit).ok()) {
            sql.push_str(&format!(" LIMIT {limit}"));
        }
        let values = conditions.iter().flat_map(|condition| condition.values.clone()).collect();
        Select { sql, values, kinds: kinds.into() }
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.relation.name)
    }
}

#[async_trait]
impl TableProvider for View {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let verdict = |filter: &&Expr| match condition(&self.relation, filter) {
            Some(_) => TableProviderFilterPushDown::Exact,
            None => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(verdict).collect())
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.relation.columns.len()).collect();
        let wanted = projection.unwrap_or(&all);
        let columns: Vec<_> = wanted
            .iter()
            .filter_map(|place| self.relation.columns.get(*place))
            .map(|column| column.stored)
            .collect();
        let conditions: Option<Vec<_>> =
            filters.iter().map(|filter| condition(&self.relation, filter)).collect();
        let conditions = conditions.ok_or_else(|| {
            DataFusionError::Internal("a condition was pushed down that cannot be".to_owned())
        })?;
        let schema = Arc::new(self.schema.project(wanted)?);
        let scan = Scan {
            select: self.select(&columns, &conditions, limit),
            kinds: columns.iter().map(|column| column.kind).collect(),
            schema: Arc::clone(&schema),
        };
        let scan: Arc<dyn PartitionStream> = Arc::new(scan);
        Ok(Arc::new(StreamingTableExec::try_new(schema, vec![scan], None, [], false, limit)?))
    }
}

/// One select of a statement.
struct Scan {
    select: Select,
    kinds: Arc<[Kind]>,
    schema: SchemaRef,
}

impl fmt::Debug for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.select.sql)
    }
}

impl PartitionStream for Scan {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let snapshot = context.session_config().get_extension::<Snapshot>();
        let (schema, kinds) = (Arc::clone(&self.schema), Arc::clone(&self.kinds));
        let select = self.select.clone();
        let begun = match snapshot {
            Some(snapshot) => snapshot.read(select).map_err(failed),
            None => Err(DataFusionError::Internal("a select without a snapshot".to_owned())),
        };
        let begun = begun.map(|reading| Some(Ahead::start(reading, schema, kinds)));
        let batches = stream::once(ready(begun))
            .map_ok(|first| {
                stream::try_unfold(first, |ahead| async {
                    let Some(ahead) = ahead else { return Ok(None) };
                    ahead.next().await
                })
            })
            .try_flatten();
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches))
    }
}

/// How many selects run at a time when `plan` does, at most.
pub(super) fn selects(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let own = usize::from(plan.is::<StreamingTableExec>());
    plan.children().into_iter().map(selects).fold(own, usize::saturating_add)
}

fn failed(why: DatabaseError) -> DataFusionError {
    DataFusionError::External(Box::new(why))
}

/// A reading that is one batch ahead of whoever takes the batches.
struct Ahead {
    reading: Reading<Batch>,
    schema: SchemaRef,
    kinds: Arc<[Kind]>,
    next: BoxFuture<'static, std::result::Result<(Batch, bool), DatabaseError>>,
}

impl Ahead {
    fn start(reading: Reading<Batch>, schema: SchemaRef, kinds: Arc<[Kind]>) -> Self {
        let batch = Batch::new(Arc::clone(&schema), &kinds, BATCH_ROWS);
        let next = Box::pin(reading.next(batch, BATCH_ROWS));
        Self { reading, schema, kinds, next }
    }

    /// The next batch, and the reading after it if there may be more.
    async fn next(self) -> Result<Option<(RecordBatch, Option<Self>)>> {
        let read = self.next.await;
        let (batch, more) = read.map_err(failed)?;
        let rest = more.then(|| Self::start(self.reading, self.schema, self.kinds));
        let batch = batch.finish()?;
        Ok((batch.num_rows() > 0).then_some((batch, rest)))
    }
}
