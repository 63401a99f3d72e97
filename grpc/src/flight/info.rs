//! What the service says of itself and of its types.

use arrow::array::RecordBatch;
use arrow_flight::sql::metadata::{SqlInfoDataBuilder, XdbcTypeInfo, XdbcTypeInfoDataBuilder};
use arrow_flight::sql::{
    CommandGetSqlInfo, Nullable, Searchable, SqlInfo, SqlNullOrdering, SqlSupportedCaseSensitivity,
    SqlSupportedTransaction, XdbcDataType, XdbcDatetimeSubcode,
};

use super::listing::broken;
use super::{Limits, SqlError};

/// What the service is, can and cannot do.
pub(super) fn sql_info(
    limits: &Limits,
    asked: &CommandGetSqlInfo,
) -> Result<RecordBatch, SqlError> {
    let mut info = SqlInfoDataBuilder::new();
    info.append(SqlInfo::FlightSqlServerName, "Huzhu");
    info.append(SqlInfo::FlightSqlServerVersion, env!("CARGO_PKG_VERSION"));
    info.append(SqlInfo::FlightSqlServerArrowVersion, "1.3");
    info.append(SqlInfo::FlightSqlServerReadOnly, true);
    info.append(SqlInfo::FlightSqlServerSql, true);
    info.append(SqlInfo::FlightSqlServerSubstrait, false);
    let none = SqlSupportedTransaction::None as i32;
    info.append(SqlInfo::FlightSqlServerTransaction, none);
    info.append(SqlInfo::FlightSqlServerCancel, true);
    info.append(SqlInfo::FlightSqlServerBulkIngestion, false);
    let millis = i32::try_from(limits.time.as_millis()).unwrap_or(i32::MAX);
    info.append(SqlInfo::FlightSqlServerStatementTimeout, millis);
    for ddl in [SqlInfo::SqlDdlCatalog, SqlInfo::SqlDdlSchema, SqlInfo::SqlDdlTable] {
        info.append(ddl, false);
    }
    let lower = SqlSupportedCaseSensitivity::SqlCaseSensitivityLowercase as i32;
    info.append(SqlInfo::SqlIdentifierCase, lower);
    info.append(SqlInfo::SqlIdentifierQuoteChar, "\"");
    info.append(SqlInfo::SqlAllTablesAreSelectable, true);
    info.append(SqlInfo::SqlNullOrdering, SqlNullOrdering::SqlNullsSortedHigh as i32);
    info.append(SqlInfo::SqlSupportsColumnAliasing, true);
    info.append(SqlInfo::SqlNullPlusNullIsNull, true);
    info.append(SqlInfo::SqlSupportsTableCorrelationNames, true);
    info.append(SqlInfo::SqlSupportsExpressionsInOrderBy, true);
    info.append(SqlInfo::SqlSupportsOrderByUnrelated, true);
    info.append(SqlInfo::SqlSupportsLikeEscapeClause, true);
    info.append(SqlInfo::SqlSupportsNonNullableColumns, true);
    info.append(SqlInfo::SqlSchemaTerm, "schema");
    info.append(SqlInfo::SqlCatalogTerm, "catalog");
    info.append(SqlInfo::SqlCatalogAtStart, true);
    info.append(SqlInfo::SqlSelectForUpdateSupported, false);
    info.append(SqlInfo::SqlStoredProceduresSupported, false);
    info.append(SqlInfo::SqlCorrelatedSubqueriesSupported, true);
    let info = info.build().map_err(broken)?;
    asked.clone().into_builder(&info).build().map_err(broken)
}

/// The types of columns; all, or those of one code.
pub(super) fn types(code: Option<i32>) -> Result<RecordBatch, SqlError> {
    let mut types = XdbcTypeInfoDataBuilder::new();
    let text = (Some("'"), Some("'"));
    for (name, data_type, size, (prefix, suffix)) in [
        ("VARCHAR", XdbcDataType::XdbcVarchar, i32::MAX, text),
        ("BIGINT", XdbcDataType::XdbcBigint, 19, (None, None)),
        ("BOOLEAN", XdbcDataType::XdbcBit, 1, (None, None)),
        ("DECIMAL", XdbcDataType::XdbcDecimal, 38, (None, None)),
        ("DOUBLE", XdbcDataType::XdbcDouble, 15, (None, None)),
        ("DATE", XdbcDataType::XdbcDate, 10, (Some("DATE '"), Some("'"))),
        ("TIMESTAMP", XdbcDataType::XdbcTimestamp, 26, (Some("TIMESTAMP '"), Some("'"))),
    ] {
        let datetime = match data_type {
            // 1 is the code of a date; here it is called after its first part.
            XdbcDataType::XdbcDate => Some(XdbcDatetimeSubcode::XdbcSubcodeYear),
            XdbcDataType::XdbcTimestamp => Some(XdbcDatetimeSubcode::XdbcSubcodeTimestamp),
            _ => None,
        };
        let number = matches!(name, "BIGINT" | "DECIMAL" | "DOUBLE");
        types.append(XdbcTypeInfo {
            type_name: name.to_owned(),
            data_type,
            column_size: Some(size),
            literal_prefix: prefix.map(str::to_owned),
            literal_suffix: suffix.map(str::to_owned),
            create_params: (name == "DECIMAL").then(|| vec!["precision".into(), "scale".into()]),
            nullable: Nullable::NullabilityNullable,
            case_sensitive: name == "VARCHAR",
            searchable: Searchable::Full,
            unsigned_attribute: number.then_some(false),
            fixed_prec_scale: false,
            auto_increment: number.then_some(false),
            local_type_name: Some(name.to_owned()),
            minimum_scale: (name == "DECIMAL").then_some(0),
            maximum_scale: (name == "DECIMAL").then_some(38),
            sql_data_type: data_type,
            datetime_subcode: datetime,
            num_prec_radix: number.then_some(10),
            interval_precision: None,
        });
    }
    types.build().and_then(|types| types.record_batch(code)).map_err(broken)
}
