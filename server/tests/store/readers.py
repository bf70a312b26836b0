"""Reads the segments that the test `segments_are_left_for_other_readers` left, with DuckDB."""

import json
import sys

import duckdb

directory = sys.argv[1]
with open(f"{directory}/expected.json", encoding="utf-8") as file:
    expected = json.load(file)

db = duckdb.connect()
db.sql("set timezone = 'UTC'")
db.sql(f"create view events as from read_parquet('{directory}/segments/*.parquet', union_by_name = true)")

types = {name: kind for name, kind, *_ in db.sql("describe events").fetchall()}
for name, kind in {
    "id": "UUID",
    "time": "TIMESTAMP WITH TIME ZONE",
    "name": "VARCHAR",
    "ip": "VARCHAR",
    "status": "USMALLINT",
    "aggregated": "BOOLEAN",
    "country": "VARCHAR",
    "asn": "UINTEGER",
    "network": "VARCHAR",
    "properties": "VARCHAR",
    "properties.country": "VARCHAR",
    "user.email": "VARCHAR",
}.items():
    assert types[name] == kind, (name, types[name])


def groups(by):
    return db.sql(f"""
        select {by} as value, count(*), count(distinct ip), epoch_us(min(time)), epoch_us(max(time))
        from events where value is not null group by value order by 2 desc, 1
    """).fetchall()


found = {
    "rows": db.sql("select count(*) from events").fetchall()[0][0],
    "amount": int(db.sql("""select sum("properties.amount"::bigint) from events""").fetchall()[0][0]),
    "names": [list(row) for row in groups("name")],
    "country": [list(row) for row in groups("country")],
    "asn": [list(row) for row in groups("asn::varchar")],
    "network": [list(row) for row in groups("network")],
    # A column of a member holds its JSON.
    "countries": [[json.loads(value), *rest] for value, *rest in groups('"properties.country"')],
}
assert found == expected, (found, expected)
print("DuckDB", duckdb.__version__, "reads the same as the store:", found["rows"], "rows")
