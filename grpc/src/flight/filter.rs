//! Conditions that the database can check itself, to the letter as DataFusion would.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use huzhu_projections::catalogue::Relation;
use huzhu_projections::record::ColumnDef;
use huzhu_projections::value::{Column, Kind, Value};
use jiff::civil::{Date, date};
use jiff::{Span, Timestamp};

/// A condition as SQL, with the values at its `?`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

/// How deep conditions may nest: databases, and stacks, bear only so much.
const DEPTH_MAX: u32 = 50;

/// `expr` as a condition on the stored rows of `relation`, if it can be one.
pub(super) fn condition(relation: &Relation, expr: &Expr) -> Option<Condition> {
    within(relation, expr, DEPTH_MAX)
}

fn within(relation: &Relation, expr: &Expr, depth: u32) -> Option<Condition> {
    let below = depth.checked_sub(1)?;
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
            let (left, right) = (within(relation, left, below)?, within(relation, right, below)?);
            let sql = format!("({} {op} {})", left.sql, right.sql);
            Some(Condition { sql, values: [left.values, right.values].concat() })
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => compared(relation, left, *op, right),
        Expr::InList(InList { expr, list, negated: false }) => {
            let column = column(relation, expr)?;
            let values = list.iter().map(|item| value(column, item)).collect::<Option<Vec<_>>>()?;
            let places = vec!["?"; values.len()].join(", ");
            Some(Condition { sql: format!("{} IN ({places})", column.name), values })
        }
        Expr::IsNull(inner) => bare(relation, inner, "IS NULL"),
        Expr::IsNotNull(inner) => bare(relation, inner, "IS NOT NULL"),
        Expr::Column(_) => flag(relation, expr, true),
        Expr::Not(inner) => flag(relation, inner, false),
        _ => None,
    }
}

fn compared(relation: &Relation, left: &Expr, op: Operator, right: &Expr) -> Option<Condition> {
    let sign = match op {
        Operator::Eq => "=",
        Operator::NotEq => "<>",
        Operator::Lt => "<",
        Operator::LtEq => "<=",
        Operator::Gt => ">",
        Operator::GtEq => ">=",
        _ => return None,
    };
    let column = column(relation, left)?;
    let ordered = !matches!(op, Operator::Eq | Operator::NotEq);
    if ordered && column.kind == Kind::Text {
        // Each database orders texts as it is set up to; DataFusion does by their bytes.
        return None;
    }
    let value = value(column, right)?;
    Some(Condition { sql: format!("{} {sign} ?", column.name), values: vec![value] })
}

fn bare(relation: &Relation, expr: &Expr, test: &str) -> Option<Condition> {
    let sql = format!("{} {test}", column(relation, expr)?.name);
    Some(Condition { sql, values: Vec::new() })
}

fn flag(relation: &Relation, expr: &Expr, wanted: bool) -> Option<Condition> {
    let column = column(relation, expr)?;
    let sql = format!("{} = ?", column.name);
    let flag = column.kind == Kind::Boolean;
    flag.then(|| Condition { sql, values: vec![wanted.to_value()] })
}

fn column(relation: &Relation, expr: &Expr) -> Option<&'static ColumnDef> {
    let Expr::Column(named) = expr else { return None };
    let found = relation.columns.iter().find(|column| column.name == named.name());
    found.map(|column| column.stored)
}

/// A literal as the database keeps such values; none for NULL, which compares to nothing.
fn value(column: &ColumnDef, expr: &Expr) -> Option<Value> {
    let Expr::Literal(literal, _) = expr else { return None };
    match (column.kind, literal) {
        (Kind::Text, ScalarValue::Utf8(Some(text))) => Some(text.to_value()),
        (Kind::Integer, ScalarValue::Int64(Some(number))) => Some(number.to_value()),
        (Kind::Boolean, ScalarValue::Boolean(Some(flag))) => Some(flag.to_value()),
        (Kind::Fen, ScalarValue::Decimal128(Some(fen), _, 2)) => {
            i64::try_from(*fen).ok().map(Value::Integer)
        }
        (Kind::Date, ScalarValue::Date32(Some(days))) => Some(day(*days)?.to_value()),
        (Kind::Timestamp, ScalarValue::TimestampMicrosecond(Some(micros), _)) => {
            Some(Timestamp::from_microsecond(*micros).ok()?.to_value())
        }
        _ => None,
    }
}

/// The day so many days after 1970-01-01, in years that sort as text.
fn day(days: i32) -> Option<Date> {
    let span = Span::new().try_days(days).ok()?;
    let day = date(1970, 1, 1).checked_add(span).ok()?;
    (day.year() >= 0).then_some(day)
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{col, lit};
    use huzhu_projections::catalogue::relations;

    use super::*;

    fn claims() -> Relation {
        relations().into_iter().find(|relation| relation.name == "claims").unwrap()
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[track_caller]
    fn checked(expr: Expr, sql: &str, values: &[Value]) {
        let expected = Condition { sql: sql.to_owned(), values: values.to_vec() };
        assert_eq!(condition(&claims(), &expr), Some(expected));
    }

    fn money(fen: i128, scale: i8) -> Expr {
        lit(ScalarValue::Decimal128(Some(fen), 18, scale))
    }

    #[test]
    fn comparisons_speak_of_what_is_stored() {
        checked(col("state").eq(lit("paid")), "state = ?", &[text("paid")]);
        checked(col("paid").gt_eq(money(12_345, 2)), "paid_fen >= ?", &[Value::Integer(12_345)]);
        let day = lit(ScalarValue::Date32(Some(16_252)));
        checked(col("filed_on").lt(day), "filed_on < ?", &[text("2014-07-01")]);
        let instant = ScalarValue::TimestampMicrosecond(Some(1_000_002), Some("UTC".into()));
        let since = text("1970-01-01T00:00:01.000002Z");
        checked(col("recorded_at").gt(lit(instant)), "recorded_at > ?", &[since]);
    }

    #[test]
    fn flags_are_compared_with_a_value() {
        let members = relations().into_iter().find(|relation| relation.name == "members").unwrap();
        for (expr, wanted) in [(col("insured"), 1), (Expr::Not(Box::new(col("insured"))), 0)] {
            let found = condition(&members, &expr).unwrap();
            let values = vec![Value::Integer(wanted)];
            assert_eq!(found, Condition { sql: "insured = ?".to_owned(), values });
        }
    }

    #[test]
    fn conditions_are_put_together() {
        let expr = col("plan").in_list(vec![lit("a"), lit("b")], false);
        let expr = expr.and(col("paid_on").is_null().or(col("stays").not_eq(lit(2_i64))));
        let values = [text("a"), text("b"), Value::Integer(2)];
        checked(expr, "(plan IN (?, ?) AND (paid_on IS NULL OR stays <> ?))", &values);
    }

    #[test]
    fn what_the_database_would_judge_otherwise_is_left_to_datafusion() {
        let list = || vec![lit("a"), lit(ScalarValue::Utf8(None))];
        for expr in [
            col("paid").gt(money(1_234_567, 3)),
            col("state").eq(lit(ScalarValue::Utf8(None))),
            col("plan").in_list(list(), false),
            col("plan").in_list(vec![lit("a")], true),
            col("state").like(lit("p%")),
            col("state").gt(lit("p")),
            col("asks").eq(lit("[]")),
            col("filed_on").eq(lit("2014-07-01")),
            col("filed_on").lt(lit(ScalarValue::Date32(Some(i32::MIN)))),
            col("nothing").is_null(),
            col("state"),
            lit("paid").eq(col("state")),
        ] {
            assert_eq!(condition(&claims(), &expr), None, "{expr}");
        }
    }
}
