"""The same records as a file of each format and codec. Usage: python files.py FLIGHTS_CSV FOLDER RECORDS, with a Python that has headrace's extras."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import itertools
import json
import lzma
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cramjam
import fastavro
import lz4.frame
import openpyxl
import polars
from amazon.ion import simpleion
from backports import zstd

TEXTS = frozenset(("carrier", "tailnum", "origin", "dest", "time_hour"))
XLSX_RECORDS_MAX = 20_000
"""Excel's format is so much slower to write and to read that fewer say the same."""
CODECS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lambda data: lzma.compress(data, preset=1),
    "zstd": zstd.compress,
    "lz4": lz4.frame.compress,
    "snappy": lambda data: bytes(cramjam.snappy.compress(data)),
}


def records(source: Path, count: int) -> list[dict[str, Any]]:
    """The first ``count`` of flights.csv: numbers as integers, NA as None."""
    with source.open(newline="", encoding="utf-8") as lines:
        rows = list(itertools.islice(csv.DictReader(lines), count))
    return [{name: None if text == "NA" else text if name in TEXTS else int(text) for name, text in row.items()} for row in rows]


def write(source: Path, folder: Path, count: int) -> None:
    """All files into ``folder``."""
    rows = records(source, count)
    plain = "\n".join([",".join(rows[0]), *(",".join("NA" if value is None else str(value) for value in row.values()) for row in rows), ""]).encode()
    lines = [json.dumps(row, separators=(",", ":")) for row in rows]
    (folder / "flights.csv").write_bytes(plain)
    for codec, compress in CODECS.items():
        (folder / f"flights.csv.{codec}").write_bytes(compress(plain))
    with zipfile.ZipFile(folder / "flights.csv.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("flights.csv", plain)
    (folder / "flights.jsonl").write_text("\n".join([*lines, ""]))
    (folder / "flights.json").write_text("[" + ",\n".join(lines) + "]\n")
    (folder / "flights.fixed").write_text("".join("".join(str("NA" if value is None else value).ljust(20) for value in row.values()) + "\n" for row in rows))
    _of_items(rows, folder)
    _binary(rows, folder)


def _of_items(rows: list[dict[str, Any]], folder: Path) -> None:
    typed = (
        {name: {"NULL": True} if value is None else {"N": str(value)} if type(value) is int else {"S": value} for name, value in row.items()} for row in rows
    )
    (folder / "flights.dynamodb_json").write_text("".join(json.dumps({"Item": item}, separators=(",", ":")) + "\n" for item in typed))
    items = [{"Item": row} for row in rows]
    (folder / "flights.ion").write_bytes(simpleion.dumps(items, binary=True, sequence_as_stream=True))
    text = "".join(f"$ion_1_0 {simpleion.dumps(item, binary=False, omit_version_marker=True)}\n" for item in items)
    (folder / "flights.ion_text").write_text(text)


def _binary(rows: list[dict[str, Any]], folder: Path) -> None:
    table = polars.DataFrame(rows, infer_schema_length=None)
    table.write_parquet(folder / "flights.parquet", compression="zstd", row_group_size=50_000)
    from pyarrow import orc  # noqa: PLC0415 - large, and only here

    orc.write_table(table.to_arrow().cast(table.to_arrow().schema), str(folder / "flights.orc"), compression="zstd")
    fields = [{"name": name, "type": ["null", "string" if name in TEXTS else "long"]} for name in rows[0]]
    out = io.BytesIO()
    fastavro.writer(out, {"type": "record", "name": "flight", "fields": fields}, rows, codec="deflate")
    (folder / "flights.avro").write_bytes(out.getvalue())
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(list(rows[0]))
    for row in rows[:XLSX_RECORDS_MAX]:
        sheet.append(list(row.values()))
    book.save(folder / "flights.xlsx")


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
