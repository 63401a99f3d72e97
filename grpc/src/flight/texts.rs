//! Functions that make texts of texts, held to a bound: a statement of a few lines could otherwise
//! make one text so long that there is no memory for it, and the pool of DataFusion counts only
//! what sorts, groups and joins.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::compute::kernels::concat_elements::concat_elements_utf8;
use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use datafusion::sql::sqlparser::ast::BinaryOperator;

/// How many bytes of text a function may make for a batch of rows.
const BYTES_MAX: usize = 64 * 1_024 * 1_024;

/// How long a text in a statement may be: it is repeated for each row of a batch.
pub(super) const LITERAL_BYTES_MAX: usize = 4_096;

/// How much the longest element of a format makes: the name of a month, or a whole instant.
const FORMATTED_BYTES: usize = 40;

/// What a function makes of its texts, at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Growth {
    /// All of them, one after another; the first as often as there are others.
    Joined,
    /// The first, each character in it replaced by the third.
    Replaced,
    /// What the second says of the first.
    Formatted,
}

/// The functions whose answers can be longer than what they are given.
const GROWING: &[(&str, Growth)] = &[
    ("concat", Growth::Joined),
    ("concat_ws", Growth::Joined),
    ("overlay", Growth::Joined),
    ("replace", Growth::Replaced),
    ("regexp_replace", Growth::Replaced),
    ("to_char", Growth::Formatted),
];

/// Functions that make a long text of a number; there is no bound to hold them to.
const LEFT_OUT: [&str; 3] = ["lpad", "repeat", "rpad"];

/// The functions that statements may use: those that make long texts are bounded, or left out.
pub(super) fn bounded(functions: Vec<Arc<ScalarUDF>>) -> Vec<Arc<ScalarUDF>> {
    let growth = |name: &str| GROWING.iter().find(|(growing, _)| *growing == name);
    functions
        .into_iter()
        .filter(|function| !LEFT_OUT.contains(&function.name()))
        .map(|function| match growth(function.name()) {
            Some((_, growth)) => {
                let inner = Arc::unwrap_or_clone(function);
                Arc::new(ScalarUDF::new_from_impl(Bounded { inner, growth: *growth }))
            }
            None => function,
        })
        .collect()
}

/// A function that refuses to make more than [`BYTES_MAX`].
#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    inner: ScalarUDF,
    growth: Growth,
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn return_field_from_args(
        &self,
        args: ReturnFieldArgs<'_>,
    ) -> Result<arrow::datatypes::FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        within(self.growth.most(&args.args, args.number_rows))?;
        self.inner.invoke_with_args(args)
    }
}

impl Growth {
    /// How many bytes the function can make of this, at most.
    fn most(self, texts: &[ColumnarValue], rows: usize) -> usize {
        let all = |text: &ColumnarValue| bytes(text, rows);
        let first = texts.first().map_or(0, all);
        let sum = texts.iter().map(all).fold(0, usize::saturating_add);
        match self {
            Self::Joined => sum.saturating_add(first.saturating_mul(texts.len())),
            Self::Replaced => {
                let by = texts.get(2).map_or(0, longest).saturating_add(1);
                // Something may be put before, between and after characters.
                sum.saturating_add(first.saturating_add(rows).saturating_mul(by))
            }
            Self::Formatted => {
                let format = texts.get(1).map_or(0, longest);
                rows.saturating_mul(format).saturating_mul(FORMATTED_BYTES)
            }
        }
    }
}

fn within(bytes: usize) -> Result<()> {
    if bytes <= BYTES_MAX {
        return Ok(());
    }
    let why = format!("texts of more than {BYTES_MAX} bytes would be made at once");
    Err(DataFusionError::Execution(why))
}

/// How many bytes the texts of a batch have.
fn bytes(text: &ColumnarValue, rows: usize) -> usize {
    match text {
        ColumnarValue::Array(array) => array.get_array_memory_size(),
        ColumnarValue::Scalar(value) => length(value).saturating_mul(rows),
    }
}

/// How many bytes the longest of them has, at most.
fn longest(text: &ColumnarValue) -> usize {
    match text {
        ColumnarValue::Array(array) => match array.data_type() {
            DataType::Utf8 => {
                array.as_string::<i32>().iter().flatten().map(str::len).max().unwrap_or(0)
            }
            DataType::LargeUtf8 => {
                array.as_string::<i64>().iter().flatten().map(str::len).max().unwrap_or(0)
            }
            DataType::Utf8View => {
                array.as_string_view().iter().flatten().map(str::len).max().unwrap_or(0)
            }
            _ => array.get_array_memory_size(),
        },
        ColumnarValue::Scalar(value) => length(value),
    }
}

fn length(value: &ScalarValue) -> usize {
    value.try_as_str().flatten().map_or_else(|| value.size(), str::len)
}

/// Plans `||` as a function that is bounded too.
#[derive(Debug)]
pub(super) struct Joining(Arc<ScalarUDF>);

impl Joining {
    pub(super) fn new() -> Self {
        let inner = ScalarUDF::new_from_impl(Join {
            signature: Signature::user_defined(Volatility::Immutable),
        });
        let bounded = Bounded { inner, growth: Growth::Joined };
        Self(Arc::new(ScalarUDF::new_from_impl(bounded)))
    }
}

impl ExprPlanner for Joining {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        _schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        if expr.op != BinaryOperator::StringConcat {
            return Ok(PlannerResult::Original(expr));
        }
        let call = ScalarFunction::new_udf(Arc::clone(&self.0), vec![expr.left, expr.right]);
        Ok(PlannerResult::Planned(Expr::ScalarFunction(call)))
    }
}

/// One text after another; nothing if one of them is nothing.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Join {
    signature: Signature,
}

impl ScalarUDFImpl for Join {
    fn name(&self) -> &str {
        "join_texts"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(vec![DataType::Utf8; types.len()])
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let texts = |place: usize| -> Result<ArrayRef> {
            let array = arrays
                .get(place)
                .ok_or_else(|| DataFusionError::Internal("two texts are joined".to_owned()))?;
            Ok(cast(array, &DataType::Utf8)?)
        };
        let (left, right) = (texts(0)?, texts(1)?);
        let joined = concat_elements_utf8(left.as_string::<i32>(), right.as_string::<i32>())?;
        Ok(ColumnarValue::Array(Arc::new(joined)))
    }
}
