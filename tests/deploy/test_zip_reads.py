"""What is packaged reads each format and codec with nothing beside it."""

from __future__ import annotations

import datetime
import gzip
import json
import os
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import cramjam
import fastavro
import lz4.frame
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from amazon.ion import simpleion
from pyarrow import orc

from deploy.deploy_samples import config, route, with_route
from headrace.config.model import LIBRARY_FORMATS, Function
from headrace.deploy.package import build

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

READ = """
import gzip, json, sys
from pathlib import Path
from headrace.config.model import Limits, Route
from headrace.formats import DECODERS, RANGED_FORMATS, Content
from headrace.ranges import Ranges
from headrace.read.decompress import decompress

def rows(path):
    data = path.read_bytes()
    format = path.suffix.removeprefix(".")
    route = Route("r", "**", format if format in DECODERS else "csv", "t", other_columns="keep")
    ranges = Ranges(lambda start, end: (piece for piece in [data[start:end]]), lambda: len(data)) if format in RANGED_FORMATS else None
    pieces = iter([data]) if format in DECODERS else decompress(iter([data]), decompressed_bytes_max=1000)
    decoder = DECODERS[route.format](Content(route, Limits(), pieces, ranges=ranges))
    names = decoder.header or []
    return [what if isinstance(what, dict) else dict(zip(names, what)) for what, *_ in decoder]

found = {path.name: [{name: str(row[name]) for name in ("id", "name")} for row in rows(path)[:2]] for path in map(Path, sys.argv[1:])}
places = {str(Path(module.__file__).parents[1]) for name, module in sys.modules.items() if name in ("headrace.formats", "lz4.frame", "cramjam.cramjam")}
print(json.dumps({"found": found, "places": sorted(places)}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Lambda is Linux; elsewhere libraries look for each other by other rules")
def test_zip_when_it_is_all_there_is_reads_every_format_and_codec(tmp_path: Path) -> None:
    """What is left out of the libraries is not needed: each format is read by the files of the zip alone, with nothing of Lambda's that Lambda lacks."""
    samples = write_samples(tmp_path / "samples")
    routes = [replace(route(f"r{format}"), format=format) for format in LIBRARY_FORMATS]
    package = build(replace(config(), routes=routes, function=Function(codecs=["zstd", "lz4", "snappy"])), tmp_path, tmp_path / "f.zip", for_here=True)
    folder = tmp_path / "task"
    with zipfile.ZipFile(package.path) as archive:
        archive.extractall(folder)
        modes = {entry.filename.rpartition("/")[2].partition(".")[0]: entry.external_attr >> 16 & 0o777 for entry in archive.infolist()}
    assert (modes["libarrow"], modes["_parquet"], modes["handler"]) == (0o755, 0o755, 0o644)
    environment = {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "TZ": ":UTC", "TMPDIR": "/tmp"}
    command = [sys.executable, "-S", "-s", "-c", READ, *map(str, samples)]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["found"] == {path.name: [{"id": "1", "name": "Zoë"}, {"id": "2", "name": "b"}] for path in samples}
    assert all(place.startswith(str(folder)) for place in answer["places"])


def test_zip_when_it_carries_libraries_leaves_out_what_no_reader_needs(tmp_path: Path) -> None:
    """No tests, headers, sources or foreign bytecode; of pyarrow neither Flight nor S3; nothing of numpy; half of Lambda's limit at most; the same twice."""
    first, second = (build(with_route("parquet"), tmp_path, tmp_path / name, for_here=True) for name in ("a.zip", "b.zip"))
    assert first.sha256 == second.sha256
    assert first.unzipped_bytes < 131_072_000
    assert [name for name in first.files if re.search(r"_flight|_s3|/tests?/|^numpy|\.(h|pyx|pxi|pyi)$|fastavro|lz4|cramjam", name)] == []
    assert len(set(first.files)) == len(first.files)


def write_samples(folder: Path) -> list[Path]:
    """The same two records in each format and codec."""
    folder.mkdir()
    table = pa.table({"id": [1, 2], "name": ["Zoë", "b"]})
    # The next two went beyond the memory limit when Arrow used its own allocator: it took all that was left at once.
    typed = table.append_column("at", [[datetime.datetime(2024, 1, 1)] * 2]).append_column("price", pa.array([Decimal("1.5")] * 2, pa.decimal128(9, 2)))
    pq.write_table(typed, folder / "typed.parquet", compression="zstd")
    many = pa.table({"id": [1, 2] * 10_240, "name": ["Zoë", "b"] * 10_240, "bytes": [os.urandom(1_024) for _ in range(20_480)]})
    pq.write_table(many, folder / "many.parquet", row_group_size=many.num_rows, use_dictionary=False)
    pq.write_table(table, folder / "brotli.parquet", compression="brotli")
    orc.write_table(typed, folder / "typed.orc")
    fields = [{"name": "id", "type": "long"}, {"name": "name", "type": "string"}]
    for codec in ("snappy", "zstandard", "deflate"):
        with (folder / f"{codec}.avro").open("wb") as file:
            fastavro.writer(file, {"type": "record", "name": "r", "fields": fields}, table.to_pylist(), codec=codec)
    book = openpyxl.Workbook()
    for row in (["id", "name"], [1, "Zoë"], [2, "b"]):
        book.active.append(row)
    book.save(folder / "a.xlsx")
    (folder / "a.ion").write_bytes(simpleion.dumps(table.to_pylist(), sequence_as_stream=True))
    text = "id,name\n1,Zoë\n2,b\n".encode()
    framed = bytes(cramjam.snappy.compress(text))
    for name, content in {"a.zst": zstd.compress(text), "a.lz4": lz4.frame.compress(text), "a.sz": framed, "a.gz": gzip.compress(text)}.items():
        (folder / name).write_bytes(content)
    return sorted(folder.iterdir())
