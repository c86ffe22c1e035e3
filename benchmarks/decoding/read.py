"""Reads one file once and prints the records read and the seconds. Usage: python read.py READER FILE.

Every reader ends with one Python object for each value: headrace with the records of its decoder (texts for numbers, for that is what goes to
DynamoDB), DuckDB by fetchmany, polars by iter_rows, pyarrow by to_pylist of each batch, csv and json with what they give. Imports are not timed.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

BATCH = 2_048
TEXTS = frozenset(("carrier", "tailnum", "origin", "dest", "time_hour"))
IMPORTS = {
    "headrace": ["headrace.records", "headrace.read.files", "headrace.decode.dynamodb_json", "headrace.decode.json_values", "headrace.decode.fixed"],
    "DuckDB": ["duckdb"],
    "polars": ["polars"],
    "pyarrow": ["pyarrow.parquet", "pyarrow.csv", "pyarrow.json", "pyarrow.orc"],
    "Python": ["bz2", "csv", "gzip", "lzma"],
}
"""Before the clock starts; not what headrace's process for a binary format imports, which is a part of reading one."""


def _names(path: str) -> list[str]:
    """The columns."""
    with Path(path).with_name("flights.csv").open(encoding="utf-8") as lines:
        return lines.readline().strip().split(",")


def _headrace(path: str) -> Iterable[Any]:
    from headrace.config.model import Limits, Route  # noqa: PLC0415 - the peers' environment has no headrace
    from headrace.ports import ObjectRef, SystemClock  # noqa: PLC0415 - likewise
    from headrace.read.files import FileStore  # noqa: PLC0415 - likewise
    from headrace.records import Opened, Part  # noqa: PLC0415 - likewise

    ending = Path(path).suffixes[0][1:]
    format: Any = "ion" if ending.startswith("ion") else ending
    widths = dict.fromkeys(_names(path), 20) if format == "fixed" else {}
    route = Route("bench", "**", format, "bench", other_columns="keep", widths=widths)
    return Opened(FileStore(), ObjectRef("", path), SystemClock(), limits=Limits()).records(route, Part())


def _duckdb(path: str) -> Iterable[Any]:
    import duckdb  # type: ignore[import-not-found]  # noqa: PLC0415 - the peers' environment alone has it

    session = duckdb.connect(config={"threads": 1})
    kind = path.rsplit("/", 1)[1].split(".")[1]
    types = {name: "VARCHAR" if name in TEXTS else "BIGINT" for name in _names(path)}
    json_options = f"json('{{}}', columns={types})".replace("{'", "{{'").replace("'}", "'}}")
    options = {"csv": "csv('{}', all_varchar=true)", "jsonl": json_options, "json": json_options, "parquet": "parquet('{}')"}
    if kind == "csv" and not path.endswith(".csv"):
        options["csv"] = f"csv('{{}}', all_varchar=true, compression='{path.rpartition('.')[2]}')"
    result = session.execute(f"select * from read_{options[kind].format(path)}")
    while rows := result.fetchmany(BATCH):
        yield from rows


def _polars(path: str) -> Iterable[Any]:
    import polars  # noqa: PLC0415 - one reader is loaded at a time

    kind = path.rsplit("/", 1)[1].split(".")[1]
    readers: dict[str, Callable[[], Any]] = {
        "csv": lambda: polars.read_csv(path, infer_schema=False),
        "jsonl": lambda: polars.read_ndjson(path, infer_schema_length=None),
        "json": lambda: polars.read_json(path),
        "parquet": lambda: polars.read_parquet(path),
        "avro": lambda: polars.read_avro(path),
    }
    return readers[kind]().iter_rows()  # type: ignore[no-any-return]  # rows


def _pyarrow(path: str) -> Iterable[Any]:
    import pyarrow  # noqa: PLC0415 - likewise

    pyarrow.set_cpu_count(1)
    kind = path.rsplit("/", 1)[1].split(".")[1]
    table: Any
    if kind == "csv":
        from pyarrow import csv  # noqa: PLC0415 - likewise

        texts = csv.ConvertOptions(column_types=dict.fromkeys(_names(path), pyarrow.string()))
        table = csv.open_csv(path, read_options=csv.ReadOptions(use_threads=False), convert_options=texts)
    elif kind == "parquet":
        table = importlib.import_module("pyarrow.parquet").ParquetFile(path).iter_batches(BATCH, use_threads=False)
    elif kind == "orc":
        found = importlib.import_module("pyarrow.orc").ORCFile(path)
        table = (found.read_stripe(number) for number in range(found.nstripes))
    else:
        table = importlib.import_module("pyarrow.json").read_json(path).to_batches(BATCH)
    for batch in table:
        yield from batch.to_pylist()


def _python(path: str) -> Iterable[Any]:
    import bz2  # noqa: PLC0415 - likewise
    import csv  # noqa: PLC0415 - likewise
    import gzip  # noqa: PLC0415 - likewise
    import lzma  # noqa: PLC0415 - likewise

    opened: Any = {".gzip": gzip.open, ".bzip2": bz2.open, ".xz": lzma.open}.get(Path(path).suffix, open)
    kind = path.rsplit("/", 1)[1].split(".")[1]
    with opened(path, "rt", encoding="utf-8") as lines:
        if kind == "csv":
            next(lines)
            yield from csv.reader(lines)
        elif kind == "json":
            yield from json.load(lines)
        else:
            yield from map(json.loads, lines)


READERS = {"headrace": _headrace, "DuckDB": _duckdb, "polars": _polars, "pyarrow": _pyarrow, "Python": _python}


def main(reader: str, path: str) -> None:
    """Read ``path`` and print what it took."""
    for name in IMPORTS[reader]:
        importlib.import_module(name)
    started, count = time.perf_counter(), 0
    for _ in READERS[reader](path):
        count += 1
    print(json.dumps({"records": count, "seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
