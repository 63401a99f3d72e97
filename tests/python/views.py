"""Reads the views as an analyst does: the SQLite file of a running service, and exported files."""

import csv
import datetime
import decimal
import json
import sqlite3
import sys


def read_only(folder):
    """Sums the views again and again while the service writes them; every sum is of one moment."""
    views = sqlite3.connect(f"file:{folder}/views.db?mode=ro", uri=True)
    seen = []
    for _ in range(200):
        views.execute("BEGIN")
        (claims, paid), = views.execute("SELECT count(*), coalesce(sum(paid_fen), 0) FROM claims")
        (again,), = views.execute("SELECT count(*) FROM claims")
        views.execute("COMMIT")
        assert claims == again, (claims, again)
        seen.append(claims)
    assert seen == sorted(seen), seen
    try:
        views.execute("CREATE TABLE mine (it)")
        raise AssertionError("the file was written to")
    except sqlite3.OperationalError as refused:
        assert "readonly" in str(refused), refused
    return seen[-1]


def workbook(path):
    """Amounts are numbers, dates are dates, and Chinese is Chinese."""
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True)
    rows = list(book.worksheets[0].iter_rows(values_only=True))
    head = rows[0]
    first = dict(zip(head, rows[1]))
    assert isinstance(first["asked"], (int, float)), first
    assert isinstance(first["filed_on"], datetime.datetime), first
    assert book.sheetnames[-1] == "about", book.sheetnames
    return len(rows) - 1, sum(decimal.Decimal(str(dict(zip(head, row))["asked"])) for row in rows[1:])


def text(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    return len(rows), sum(decimal.Decimal(row["asked"]) for row in rows)


def parquet(path):
    import pyarrow
    import pyarrow.parquet

    file = pyarrow.parquet.ParquetFile(path)
    table = file.read()
    schema = table.schema
    assert schema.field("asked").type == pyarrow.decimal128(18, 2), schema
    assert schema.field("filed_on").type == pyarrow.date32(), schema
    assert schema.field("recorded_at").type == pyarrow.timestamp("us", tz="UTC"), schema
    assert schema.field("stays").type == pyarrow.int64(), schema
    assert b"@" in file.metadata.metadata[b"huzhu.position"], file.metadata.metadata
    return table.num_rows, sum(table["asked"].to_pylist())


def main():
    what, path = sys.argv[1:3]
    if what == "sqlite":
        print(read_only(path))
        return
    rows, asked = {"xlsx": workbook, "csv": text, "parquet": parquet}[what](path)
    print(json.dumps({"rows": rows, "asked": str(asked)}))


main()
