"""A deployment whose zip carries libraries: binary formats and a codec go bucket → event → function → table."""

from __future__ import annotations

import datetime
import io
import sys
from collections.abc import Iterator
from decimal import Decimal

import fastavro
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from headrace.config.model import Column, Config, Format, Function, Route, Source, Table
from system.pipeline import Pipeline, pipeline

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="functions that start processes run on Linux here, as on AWS")

COUNT = 3_000
MEMORY_MB = 448
"""The least that `headrace check` takes for such formats."""
FORMATS: dict[str, Format] = {"sales.parquet": "parquet", "sales.orc": "orc", "sales.avro": "avro", "sales.xlsx": "xlsx", "sales.csv.zst": "csv"}
ROWS = [{"id": number, "name": f"Zoë {number}", "price": Decimal(number) / 4} for number in range(COUNT)]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    columns = {"id": Column("number", empty="reject"), "name": Column(), "price": Column("number")}
    routes = [Route(format, f"**/{name}", format, format, columns) for name, format in FORMATS.items()]
    tables = {format: Table({"id": "number"}) for format in FORMATS.values()}
    function = Function(memory_mb=MEMORY_MB, timeout_s=60, codecs=["zstd"])
    config = Config(Source("partner-files"), tables, routes, name="partners", function=function)
    with pipeline(config, tmp_path_factory.mktemp("project")) as started:
        yield started


def content(name: str) -> bytes:
    """ROWS as a file, each format by a library of its own."""
    file = io.BytesIO()
    table = pa.table({"id": [row["id"] for row in ROWS], "name": [row["name"] for row in ROWS], "price": [row["price"] for row in ROWS]})
    match FORMATS[name]:
        case "parquet":
            pq.write_table(table, file, compression="zstd", row_group_size=1_000)
        case "orc":
            orc.write_table(table, file)
        case "avro":
            price = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
            fields = [{"name": "id", "type": "long"}, {"name": "name", "type": "string"}, {"name": "price", "type": price}]
            fastavro.writer(file, {"type": "record", "name": "sale", "fields": fields}, ROWS, codec="snappy")
        case "xlsx":
            book = openpyxl.Workbook(write_only=True)
            sheet = book.create_sheet()
            for values in [["id", "name", "price"], *([row["id"], row["name"], float(row["price"])] for row in ROWS)]:
                sheet.append(values)
            book.properties.created = datetime.datetime(2024, 1, 1)
            book.save(file)
        case _:
            lines = [f"{row['id']},{row['name']},{row['price']}\n" for row in ROWS]
            file.write(zstd.compress("".join(["id,name,price\n", *lines]).encode()))
    return file.getvalue()


@pytest.mark.parametrize("name", FORMATS)
def test_upload_when_its_format_needs_a_library_makes_the_whole_table(stack: Pipeline, name: str) -> None:
    """Every record, read by what the zip carries, in the memory that the check asks for."""
    load = stack.loaded(f"2024/{name}", content(name))
    assert (load["read"], load["written"], load["rejected"]) == (COUNT, COUNT, 0)
    found = {int(item["id"]["N"]): (item["name"]["S"], Decimal(item["price"]["N"])) for item in stack.items(FORMATS[name])}
    assert found == {row["id"]: (row["name"], row["price"]) for row in ROWS}


def test_upload_when_its_codec_is_not_carried_names_what_to_add(stack: Pipeline) -> None:
    """FAILED at once, with the setting that mends it."""
    stack.upload("lz4/sales.csv.zst", b"\x04\x22\x4d\x18" + bytes(100))
    load = stack.load("lz4/sales.csv.zst", "FAILED")
    assert load["error"] == "EXTRA_MISSING"
    assert "function.codecs" in str(stack.history("lz4/sales.csv.zst")[0])
