//! From SQL to a plan that only reads, and only what the caller may see.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::ipc::reader::StreamReader;
use datafusion::common::{ParamValues, ScalarValue, TableReference};
use datafusion::error::DataFusionError;
use datafusion::execution::context::{SQLOptions, SessionContext};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, SessionStateBuilder, SessionStateDefaults};
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionConfig;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::{Expr, Statement as Sql, Value, visit_expressions_mut};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use huzhu_domain::envelope::Role;
use huzhu_projections::catalogue::Relation;

use super::handle::Bound;
use super::relation::{BATCH_ROWS, View};
use super::texts::{Joining, LITERAL_BYTES_MAX, bounded};
use super::{Limits, SqlError};

/// What catalogues and schemas are called in listings.
pub(super) const CATALOG: &str = "huzhu";
pub(super) const SCHEMA: &str = "views";

/// How many words, numbers and signs a statement may have: as deep as it can nest, which the stack
/// of whoever plans it has to bear.
const TOKENS_MAX: usize = 10_000;

/// How many placeholders a statement may have.
const PLACEHOLDERS_MAX: usize = 1_000;

/// Plans statements.
pub(super) struct Planner {
    whole: Readable,
    impersonal: Readable,
    limits: Limits,
}

/// What some may read.
struct Readable {
    relations: Vec<Arc<Relation>>,
    session: SessionState,
}

/// A statement that is understood.
pub(super) struct Planned {
    /// Where it was planned.
    pub(super) state: SessionState,
    /// What it does.
    pub(super) plan: LogicalPlan,
    /// The projections that keep what it reads.
    pub(super) projections: Vec<&'static str>,
}

/// Whether callers of this role see personal data in SQL.
const fn sees_persons(role: Role) -> bool {
    !matches!(role, Role::Analyst)
}

impl Planner {
    pub(super) fn new(relations: Vec<Relation>, limits: Limits) -> Result<Self, DataFusionError> {
        let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(GreedyMemoryPool::new(limits.memory)))
            .with_disk_manager_builder(disk)
            .build_arc()?;
        let impersonal = relations.iter().filter_map(Relation::impersonal).collect();
        Ok(Self {
            whole: Readable::new(relations, &runtime)?,
            impersonal: Readable::new(impersonal, &runtime)?,
            limits,
        })
    }

    const fn readable(&self, role: Role) -> &Readable {
        if sees_persons(role) { &self.whole } else { &self.impersonal }
    }

    /// What a caller of `role` may read.
    pub(super) fn relations(&self, role: Role) -> &[Arc<Relation>] {
        &self.readable(role).relations
    }

    /// How many bytes all statements may hold in memory.
    pub(super) const fn memory(&self) -> usize {
        self.limits.memory
    }

    /// Plans a statement for a caller of `role`, its placeholders still open.
    pub(super) async fn plan(&self, sql: &str, role: Role) -> Result<Planned, SqlError> {
        let failed = |why: DataFusionError| SqlError::of(&why, self.limits.memory);
        let statement = self.parse(sql)?;
        let readable = self.readable(role);
        let mut state = readable.session.clone();
        let asked = state.resolve_table_references(&statement).map_err(failed)?;
        let find = |relations: &[Arc<Relation>], table: &TableReference| {
            relations.iter().find(|relation| relation.name == table.table()).cloned()
        };
        let mut projections = Vec::new();
        for table in &asked {
            if let Some(relation) = find(&readable.relations, table) {
                projections.extend_from_slice(&relation.projections);
            } else if let Some(hidden) = find(&self.whole.relations, table) {
                return Err(SqlError::Personal { table: hidden.name.to_owned() });
            }
        }
        projections.sort_unstable();
        projections.dedup();
        state.mark_start_execution();
        let plan = state.statement_to_plan(statement).await.map_err(failed)?;
        let only_reads = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        only_reads.verify_plan(&plan).map_err(|_| SqlError::NotASelect)?;
        Ok(Planned { state, plan, projections })
    }

    fn parse(&self, sql: &str) -> Result<Statement, SqlError> {
        if sql.len() > self.limits.length {
            return Err(SqlError::Length { limit: self.limits.length, given: sql.len() });
        }
        let failed = |why: DataFusionError| SqlError::of(&why, self.limits.memory);
        let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize();
        let tokens = tokens.map_err(|why| SqlError::Invalid(why.to_string()))?;
        let tokens = tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_))).count();
        if tokens > TOKENS_MAX {
            let why = format!("a statement has at most {TOKENS_MAX} words and signs, not {tokens}");
            return Err(SqlError::Invalid(why));
        }
        let mut statements = DFParserBuilder::new(sql)
            .with_dialect(&GenericDialect {})
            .build()
            .and_then(|mut parser| parser.parse_statements())
            .map_err(failed)?;
        let (Some(statement), true) = (statements.pop_front(), statements.is_empty()) else {
            return Err(SqlError::Count(statements.len().saturating_add(1)));
        };
        match statement {
            Statement::Statement(mut statement) if matches!(*statement, Sql::Query(_)) => {
                number(&mut statement)?;
                Ok(Statement::Statement(statement))
            }
            _ => Err(SqlError::NotASelect),
        }
    }
}

/// Gives the placeholders that are only `?` their numbers, in order, and looks at texts.
fn number(statement: &mut Sql) -> Result<(), SqlError> {
    let mut count = 0_usize;
    let done = visit_expressions_mut(statement, |expr| {
        let Expr::Value(value) = expr else { return ControlFlow::Continue(()) };
        let text = value.value.clone().into_string();
        if text.is_some_and(|text| text.len() > LITERAL_BYTES_MAX) {
            return ControlFlow::Break(too_long());
        }
        let Value::Placeholder(name) = &mut value.value else {
            return ControlFlow::Continue(());
        };
        count = count.saturating_add(1);
        if name == "?" {
            *name = format!("${count}");
        }
        let known = name.strip_prefix('$').and_then(|number| number.parse::<usize>().ok());
        if known.is_some_and(|number| (1..=PLACEHOLDERS_MAX).contains(&number)) {
            ControlFlow::Continue(())
        } else {
            let why = format!("{name} is neither ? nor one of $1 to ${PLACEHOLDERS_MAX}");
            ControlFlow::Break(SqlError::Parameters(why))
        }
    });
    match done {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(why) => Err(why),
    }
}

fn too_long() -> SqlError {
    let why = format!("a text in a statement has at most {LITERAL_BYTES_MAX} bytes");
    SqlError::Invalid(why)
}

impl Planned {
    /// The columns of the answer, as far as they are known before values are bound.
    pub(super) fn schema(&self) -> Result<SchemaRef, DataFusionError> {
        let plan = self.state.optimize(&self.plan)?;
        Ok(Arc::new(plan.schema().as_arrow().clone()))
    }

    /// What the placeholders stand for, in order; text where it can be anything.
    pub(super) fn parameters(&self) -> Result<Schema, SqlError> {
        let field = |(name, known): (String, Option<DataType>)| {
            Field::new(name, known.unwrap_or(DataType::Utf8), true)
        };
        Ok(Schema::new(self.placeholders()?.into_iter().map(field).collect::<Vec<_>>()))
    }

    /// The placeholders in order, with their types where the statement tells.
    fn placeholders(&self) -> Result<Vec<(String, Option<DataType>)>, SqlError> {
        let found = self.plan.get_parameter_types();
        let found = found.map_err(|why| SqlError::Parameters(why.strip_backtrace()))?;
        let number = |name: &str| name.strip_prefix('$')?.parse::<usize>().ok();
        let numbered: BTreeMap<_, _> = found
            .into_iter()
            .filter_map(|(name, known)| Some((number(&name)?, (name, known))))
            .collect();
        match (1..).zip(numbered.keys()).find(|(expected, found)| expected != *found) {
            Some((missing, _)) => Err(SqlError::Parameters(format!("there is no ${missing}"))),
            None => Ok(numbered.into_values().collect()),
        }
    }

    /// The plan with its values in place of its placeholders.
    pub(super) fn bind(self, bound: &Bound, memory: usize) -> Result<Self, SqlError> {
        let (wanted, given) = (self.placeholders()?, values(bound)?);
        if wanted.len() != given.len() {
            let why = format!("{} are needed, {} are bound", wanted.len(), given.len());
            return Err(SqlError::Parameters(why));
        }
        if given.is_empty() {
            return Ok(self);
        }
        let fit = |((name, known), value): ((String, Option<DataType>), ScalarValue)| {
            let Some(known) = known else { return Ok(value) };
            value
                .cast_to(&known)
                .map_err(|_| SqlError::Parameters(format!("{name} cannot be read as {known}")))
        };
        let values = wanted.into_iter().zip(given).map(fit).collect::<Result<Vec<_>, _>>()?;
        let plan = self.plan.with_param_values(ParamValues::from(values));
        Ok(Self { plan: plan.map_err(|why| SqlError::of(&why, memory))?, ..self })
    }
}

impl Readable {
    fn new(relations: Vec<Relation>, runtime: &Arc<RuntimeEnv>) -> Result<Self, DataFusionError> {
        let relations: Vec<_> = relations.into_iter().map(Arc::new).collect();
        let session = session(&relations, runtime)?;
        Ok(Self { relations, session })
    }
}

/// The values that are bound: one row.
fn values(bound: &Bound) -> Result<Vec<ScalarValue>, SqlError> {
    if bound.values.is_empty() {
        return Ok(Vec::new());
    }
    let bad = |_| SqlError::Handle("prepared statement");
    let reader = StreamReader::try_new(Cursor::new(&bound.values), None).map_err(bad)?;
    let mut row = Vec::new();
    for batch in reader {
        let batch = batch.map_err(bad)?;
        if batch.num_rows() != 1 || !row.is_empty() {
            return Err(SqlError::Handle("prepared statement"));
        }
        for column in batch.columns() {
            let value = ScalarValue::try_from_array(column, 0)
                .map_err(|_| SqlError::Handle("prepared statement"))?;
            if value.size() > LITERAL_BYTES_MAX {
                return Err(too_long());
            }
            row.push(value);
        }
    }
    Ok(row)
}

/// A session that knows `relations`, functions, and no way to write or to read anything else.
fn session(
    relations: &[Arc<Relation>],
    runtime: &Arc<RuntimeEnv>,
) -> Result<SessionState, DataFusionError> {
    let mut config = SessionConfig::new()
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        .with_create_default_catalog_and_schema(true)
        .with_batch_size(BATCH_ROWS)
        // The database gives one row after another, and commands need the other core.
        .with_target_partitions(1);
    let options = config.options_mut();
    // Tools know the older kinds of text only.
    options.sql_parser.map_string_types_to_utf8view = false;
    options.optimizer.expand_views_at_output = true;
    let mut planners = SessionStateDefaults::default_expr_planners();
    planners.insert(0, Arc::new(Joining::new()));
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(Arc::clone(runtime))
        .with_expr_planners(planners)
        .with_scalar_functions(bounded(SessionStateDefaults::default_scalar_functions()))
        .with_aggregate_functions(SessionStateDefaults::default_aggregate_functions())
        .with_window_functions(SessionStateDefaults::default_window_functions())
        .build();
    let context = SessionContext::new_with_state(state);
    for relation in relations {
        context.register_table(relation.name, Arc::new(View::new(Arc::clone(relation))))?;
    }
    Ok(context.state())
}
