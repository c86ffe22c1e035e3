"""``sniff`` and ``init``: what is believed of a file, and a config that loads it."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.exports import CHANGES, Exported
from cli.program import PROGRAM, Run
from decode.test_mismatch import CONTENTS
from headrace.config.parse import parse
from headrace.deploy.libraries import OF_CODEC
from headrace.formats import RANGED_FORMATS
from read.test_codecs import CODECS


def test_sniff_prints_beliefs_with_reasons_and_columns(run: Run, folder: Path) -> None:
    """Nothing is decided in secret."""
    (folder / "a.txt.gz").write_bytes(gzip.compress("id;name\n1;Zoë\n2;Ada\n".encode("windows-1252")))
    ran = run("sniff", "a.txt.gz", "--json")
    found = json.loads(ran.out)
    assert ran.code == 0
    assert {name: (one["value"], one["sureness"]) for name, one in found["beliefs"].items()} == {
        "compression": ("gzip", "certain"),
        "encoding": ("windows-1252", "guess"),
        "format": ("csv", "likely"),
        "delimiter": ('";"', "likely"),
        "header": ("yes", "certain"),
    }
    assert found["columns"] == {"id": {"type": "number", "example": "1"}, "name": {"type": "string", "example": "Zoë"}}
    assert found["notes"][0].startswith("encoding windows-1252: byte 12 is not UTF-8")
    assert "delimiter\t" in run("sniff", "a.txt.gz").out


def test_sniff_of_what_is_no_text_fails_with_a_reason(run: Run, folder: Path) -> None:
    """Exit code 1 and one sentence."""
    (folder / "a.bin").write_bytes(bytes(range(256)) * 8)
    ran = run("sniff", "a.bin")
    assert (ran.code, ran.out) == (1, "")
    assert "binary content" in ran.err


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("orders-2024.csv", b"order_id,price,zip\n1,2.50,007\n2,NA,123\n"),
        ("orders.tsv", b"a\tb\nx\t1\nx\t2\n"),
        ("dump", 'näme|größe: x|#\n"a|b"|\'|1\n,|{y}|2\n'.encode("utf-16-le")),
        ("noheader.csv", b"1,a,\n2,b,\n"),
        ("twice.csv", b"a,a,,yes,null,~\n1,2,3,4,5,6\n2,2,3,4,5,6\n"),
        ("pairs.csv", b"a,b,c\n1,1,x\n1,2,x\n2,1,x\n"),
        ("people.jsonl", b'{"id":"7","n":1}\n{"id":"8","m":[1]}\n'),
        ("people.json", b'[{"id":"7","n":1},{"id":"8","m":[1]}]'),
        ("escaped.csv", b'id,note\n1,"a \\"b\\", c"\n2,x\n'),
        ("a.csv", b"flag,day,id\ntrue,2024-01-01,x\nfalse,2024-01-02,y\n"),
    ],
)
def test_init_writes_a_config_that_check_accepts_and_that_loads_the_sample(run: Run, folder: Path, name: str, content: bytes) -> None:
    """Without a rejected record, whatever is in names and values."""
    (folder / name).write_bytes(content)
    ran = run("init", name)
    assert (ran.code, ran.err) == (0, "")
    assert run("check").code == 0
    previewed = run("preview", name, "--all")
    assert (previewed.code, "rejected 0" in previewed.err) == (0, True)
    assert len(previewed.items) in (2, 3)


def test_init_of_several_samples_makes_a_route_for_each(run: Run, folder: Path) -> None:
    """Each sample finds its own route; two of the same columns are one kind."""
    (folder / "a-1.csv").write_text("id\n1\n")
    (folder / "a-2.csv").write_text("key\nx\n")
    (folder / "a-3.csv").write_text("id\n5\n")
    told = run("init", "a-1.csv", "a-2.csv", "a-3.csv", "--output", "x.yaml", "--json").out
    assert json.loads(told) == {"path": "x.yaml", "routes": ["a-records", "a-records-2"]}


@pytest.mark.parametrize("codec", CODECS)
def test_init_of_a_compressed_sample_lets_the_function_read_it(run: Run, folder: Path, codec: str) -> None:
    """Its zip carries the library of the codec, also where another sample of the same kind is plain."""
    (folder / "a-1.csv").write_text("id\n1\n")
    (folder / "a-2.csv").write_bytes(CODECS[codec](b"id\n2\n"))
    assert run("init", "a-1.csv", "a-2.csv").code == 0
    assert run("check").code == 0
    config = parse((folder / "headrace.yaml").read_text(), "headrace.yaml")
    assert config.function.codecs == ([codec] if codec in OF_CODEC else [])
    assert run("preview", "a-2.csv", "--all").items == [{"Item": {"id": {"N": "2"}}}]


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\r\n\n"], ids=["empty", "mark", "blank lines"])
@pytest.mark.parametrize(("name", "form"), [("a.csv", "csv"), ("a", "csv"), ("a.TSV.gz", "tsv"), ("a.ndjson", "jsonl")])
def test_file_without_a_record_is_what_its_name_says(run: Run, folder: Path, content: bytes, name: str, form: str) -> None:
    """Nothing else tells; that it has no record is said."""
    (folder / name).write_bytes(content)
    found = run("sniff", name, "--json").document["beliefs"]["format"]
    assert (found["value"], found["sureness"]) == (form, "guess")
    ran = run("preview", name)
    assert (ran.code, ran.out, "no record was found" in ran.err) == (0, "", True)


@pytest.mark.parametrize("name", ["a.json", "a.parquet", "a.xlsx", "a.avro", "a.orc"])
def test_empty_file_by_the_name_of_a_format_that_cannot_be_empty_fails(run: Run, folder: Path, name: str) -> None:
    """Perhaps its upload was cut."""
    (folder / name).write_bytes(b"")
    for command in ("sniff", "preview"):
        ran = run(command, name)
        assert (ran.code, ran.out, "next: " in ran.err) == (1, "", True)


def test_init_where_nothing_can_be_written_says_so_and_leaves_no_part(run: Run, folder: Path) -> None:
    """A folder that is missing is a mistake of the command line; a disk that is full is none."""
    (folder / "a b.csv").write_text("id,v\n1,2\n")
    ran = run("init", "a b.csv", "--output", "missing/a.yaml")
    assert (ran.code, "there is no folder missing" in ran.err) == (2, True)
    done = subprocess.run(f"ulimit -f 0; {PROGRAM} init 'a b.csv'", shell=True, capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "File too large (FILE_REFUSED)" in done.stderr
    assert [path.name for path in folder.iterdir()] == ["a b.csv"]
    assert "`headrace preview 'a b.csv'`" in run("init", "a b.csv").out


def test_init_replaces_no_file(run: Run, folder: Path) -> None:
    """A config is work."""
    (folder / "a.csv").write_text("id\n1\n")
    (folder / "headrace.yaml").write_text("mine")
    assert run("init", "a.csv").code == 2
    assert (folder / "headrace.yaml").read_text() == "mine"


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("name", ["parquet", "orc", "avro", "xlsx", "ion", "ion text", "items", "scan"])
def test_binary_file_is_known_by_its_bytes_and_loads_without_a_config(run: Run, folder: Path, name: str, compress: Callable[[bytes], bytes]) -> None:
    """Whatever its name: `sniff` lists the columns of its schema, `preview` and what `init` writes read it. Some may not be compressed."""
    (folder / "sample-1.txt").write_bytes(compress(CONTENTS[name]))
    form = {"ion text": "ion", "items": "dynamodb_json", "scan": "dynamodb_json"}.get(name, name)
    sniffed = run("sniff", "sample-1.txt", "--json")
    if compress is gzip.compress and form in RANGED_FORMATS:
        assert (sniffed.code, "inside gzip, expected it as it is" in sniffed.document["message"]) == (1, True)
        return
    found = sniffed.document
    assert found["beliefs"]["format"] | {"reason": ""} == {"value": form, "sureness": "certain", "reason": ""}
    assert found["columns"]["id"] == {"type": "string", "example": "1"}
    assert found["settings"] == {"format": form}
    loaded = run("preview", "sample-1.txt", "--key", "id", "--all")
    assert (loaded.code, loaded.items[0]["Item"]["id"]) == (0, {"S": "1"})
    assert run("init", "sample-1.txt").code == 0
    assert run("check").code == 0
    assert run("preview", "sample-1.txt", "--all").items == loaded.items


@pytest.mark.parametrize(("header", "names"), [(["id", None, "v"], ["id", "column_2", "v"]), (["id", "v", "v"], ["id", "v", "v_2"])], ids=["empty", "twice"])
def test_sheet_with_names_that_are_empty_or_twice_loads_without_a_config(run: Run, folder: Path, header: list[str | None], names: list[str]) -> None:
    """They are numbered as in CSV, which is said, and what `init` writes reads the sheet too."""
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in (header, ["a", 1, 2]):
        book.active.append(row)
    book.save(folder / "a.xlsx")
    ran = run("preview", "a.xlsx", "--key", "id", "--all")
    assert (ran.code, list(ran.items[0]["Item"])) == (0, names)
    assert "header_names number: a name is empty, or there twice" in ran.err
    assert run("init", "a.xlsx").code == 0
    assert run("preview", "a.xlsx", "--all").items == ran.items


def test_sniff_shows_columns_that_have_no_value(run: Run, folder: Path) -> None:
    """The schema says them."""
    pq.write_table(pa.table({"id": pa.array([], pa.int32()), "v": pa.array([], pa.string())}), folder / "a")
    assert run("sniff", "a", "--json").document["columns"] == {"id": {"type": "no value", "example": None}, "v": {"type": "no value", "example": None}}


def test_init_of_an_incremental_export_has_its_operation_and_takes_all_data_files(run: Run, folder: Path) -> None:
    """Names of data files mean nothing; a record without a new image deletes."""
    export = Exported(CHANGES, is_incremental=True)
    export.write(folder)
    (key,) = export.data
    assert run("init", folder / key).code == 0
    written = (folder / "headrace.yaml").read_text()
    assert 'match: "**AWSDynamoDB/**data/*.json.gz"' in written
    ran = run("preview", key, "--all")
    assert (ran.code, ran.items) == (0, [{"Item": {"id": {"N": "1"}, "v": {"S": "new"}}}, {"Key": {"id": {"N": "2"}}}])


def test_sniff_of_few_lines_of_fixed_width_says_what_a_route_needs(run: Run, folder: Path) -> None:
    """In so few blanks stand above each other by chance."""
    (folder / "a.txt").write_text("1   x  2\n22  yy 3\n")
    assert "a route needs `widths`" in run("sniff", "a.txt").out


def test_sniff_of_a_workbook_of_the_old_kind_says_what_to_do(run: Run, folder: Path) -> None:
    """Also when it is compressed."""
    for data in (CONTENTS["xls"], gzip.compress(CONTENTS["xls"])):
        (folder / "a.xls").write_bytes(data)
        ran = run("sniff", "a.xls")
        assert (ran.code, "save it as .xlsx without a password, or as CSV" in ran.err) == (1, True)
