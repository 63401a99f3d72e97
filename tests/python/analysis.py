"""Reads views with the official Flight SQL driver, as an analyst does.

Usage: analysis.py FACTS, where FACTS is JSON from the test that runs this. Ends with a line of what it
read; whatever is not as expected ends it with an error.
"""

import datetime
import decimal
import json
import sys

import pyarrow
from adbc_driver_flightsql import DatabaseOptions
from adbc_driver_flightsql import dbapi
from adbc_driver_manager import Error

told = json.loads(sys.argv[1])
URI = "grpc://" + told["address"]
HEADER = DatabaseOptions.RPC_CALL_HEADER_PREFIX.value


def connect(token):
    return dbapi.connect(
        URI,
        db_kwargs={
            DatabaseOptions.AUTHORIZATION_HEADER.value: "Bearer " + token,
            HEADER + "huzhu-at-least": told["position"],
        },
        autocommit=True,
    )


def refused(connection, sql, expected, parameters=None):
    with connection.cursor() as cursor:
        try:
            cursor.execute(sql, parameters)
            cursor.fetchall()
        except Error as error:
            assert expected in str(error), str(error)
            return
    raise AssertionError("not refused: " + sql)


def reads_a_frame(connection):
    with connection.cursor() as cursor:
        cursor.execute("SELECT state, asked, paid, filed_on, paid_on, recorded_at FROM claims ORDER BY paid DESC")
        table = cursor.fetch_arrow_table()
    assert table.schema.field("paid").type == pyarrow.decimal128(18, 2), table.schema
    assert table.schema.field("filed_on").type == pyarrow.date32(), table.schema
    assert table.schema.field("recorded_at").type == pyarrow.timestamp("us", tz="UTC"), table.schema
    frame = table.to_pandas()
    assert list(frame["state"]) == ["paid", "in_review"], frame
    assert list(frame["paid"]) == [decimal.Decimal("800.00"), decimal.Decimal("0.00")], frame
    assert frame["filed_on"][0] == datetime.date(2014, 11, 20), frame
    assert frame["paid_on"][0] == datetime.date(2014, 12, 12), frame
    assert frame["paid_on"].isna()[1], frame
    return frame["paid"].sum(), frame["asked"].sum()


def finds_its_way(connection):
    assert connection.adbc_get_info()["vendor_name"] == "Huzhu"
    objects = connection.adbc_get_objects(depth="all").read_all().to_pylist()
    (catalog,) = objects
    assert catalog["catalog_name"] == "huzhu", catalog
    (schema,) = catalog["catalog_db_schemas"]
    assert schema["db_schema_name"] == "views", schema
    tables = {table["table_name"]: table for table in schema["db_schema_tables"]}
    columns = [column["column_name"] for column in tables["claims"]["table_columns"]]
    assert "paid" in columns and "paid_fen" not in columns, columns
    assert connection.adbc_get_table_types() == ["VIEW"]
    schema = connection.adbc_get_table_schema("claims")
    assert schema.field("paid").type == pyarrow.decimal128(18, 2), schema
    return set(tables)


def prepares(connection):
    sql = "SELECT count(*) FROM claims WHERE paid >= ? AND filed_on = ?"
    with connection.cursor() as cursor:
        day = datetime.date(2014, 11, 20)
        for least, expected in [("0.00", 2), ("800.00", 1), ("800.01", 0)]:
            cursor.execute(sql, (decimal.Decimal(least), day))
            assert cursor.fetchone() == (expected,), least
        cursor.execute("SELECT count(*) FROM claims WHERE filed_on = ? AND state = ?", ("2014-11-20", "paid"))
        assert cursor.fetchone() == (1,)
        schema = cursor.adbc_execute_schema("SELECT paid FROM claims")
        assert schema.field("paid").type == pyarrow.decimal128(18, 2), schema


with connect(told["analyst"]) as analyst:
    paid, asked = reads_a_frame(analyst)
    seen = finds_its_way(analyst)
    prepares(analyst)
    refused(analyst, "SELECT * FROM member_persons", "personal data")
    for sql in ["DELETE FROM claims", "CREATE TABLE mine AS SELECT 1", "SELECT 1; SELECT 2", "SET a = 1"]:
        refused(analyst, sql, "statement")
    refused(analyst, "SELECT nothing FROM claims", "nothing")
    refused(analyst, "SELECT 1 WHERE 1 = ?", "are needed")

with connect(told["auditor"]) as auditor:
    assert finds_its_way(auditor) - seen == {"member_persons"}
    with auditor.cursor() as cursor:
        cursor.execute("SELECT name FROM member_persons WHERE name LIKE '彭%'")
        assert cursor.fetchall() == [("彭女士",)]

# With a user and a password, as tools that know nothing else come.
login = {DatabaseOptions.WITH_COOKIE_MIDDLEWARE.value: "false", "username": "wang", "password": told["analyst"]}
with dbapi.connect(URI, db_kwargs=login, autocommit=True) as connection, connection.cursor() as cursor:
    cursor.execute("SELECT 1")
    assert cursor.fetchone() == (1,)
for kwargs in [{"username": "li", "password": told["analyst"]}, {"username": "wang", "password": "guess"}, {}]:
    try:
        with dbapi.connect(URI, db_kwargs=kwargs, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error as error:
        assert "UNAUTHENTICATED" in str(error).upper(), str(error)
    else:
        raise AssertionError("let in: " + str(kwargs.keys()))
try:
    with connect(told["handler"]) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1")
except Error as error:
    assert "may not call this" in str(error), str(error)
else:
    raise AssertionError("a handler was let in")

print(f"{paid} of {asked}")
