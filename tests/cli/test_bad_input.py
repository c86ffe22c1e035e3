"""The worst files and the worst surroundings: one sentence, a next step, the right exit code, and no wait."""

from __future__ import annotations

import gzip
import os
import random
import socket
from pathlib import Path

import pytest

from cli.conftest import items
from cli.program import Run
from headrace.local.emulator import EmbeddedAws

NOISE = random.Random(1).randbytes(3_000)
CASES = [
    ("empty", b"", 0, "no record was found"),
    ("header only", b"id,v\n", 0, "read 0 = written 0"),
    ("header only, BOM, CRLF", b"\xef\xbb\xbfid,v\r\n", 0, "read 0 = written 0"),
    ("no key column", b"a,b\n1,2\n", 2, "the key is made from id, but the columns of the file are 'a', 'b'"),
    ("line break in a name", b'a,"b\nc"\n1,2\n', 2, r"the columns of the file are 'a', 'b\nc'"),
    ("unknown delimiter", b"id&v\n1&2\n", 2, "the columns of the file are 'id&v'"),
    ("no header", b"1,2\n3,4\n", 2, "the columns of the file are 'column_1', 'column_2'"),
    ("column twice", b"id,v,v\n1,2,3\n", 0, "header_names number: a name is empty, or there twice"),
    ("field of 500 KB", b"id,v\n1,2\n2," + b"x" * 500_000 + b"\n", 3, "1\tITEM_TOO_LARGE\t3\t"),
    ("line of 2 MB", b"id,v\n1,2\n2," + b"x" * 2_000_000 + b"\n3,4\n", 3, "1\tRECORD_TOO_LARGE\t3\t"),
    ("NaN among numbers", b"id,v\n1,2\nNaN,3\n", 3, "1\tNUMBER_INVALID\t3\t"),
    ("ragged", b"id,v\n1,2,3\n4\n5,6\n", 3, "2\tFIELD_COUNT\t2\t"),
    ("open quote", b'id,v\n1,2\n2,"open\n3,4\n', 3, "CSV_QUOTING"),
    ("UTF-16", "id,v\n1,2\n".encode("utf-16"), 0, "read 1 = written 1"),
    ("Latin-1", b"id,v\n1,2\n2,caf\xe9\n", 0, "encoding windows-1252: byte 14 is not UTF-8"),
    ("UTF-8 with a bad byte", "id,v\n1,ééé\n".encode() + b"2,caf\xe9\n", 3, "1\tENCODING_INVALID\t3\t"),
    ("binary", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, 1, "(FORMAT_UNEXPECTED)"),
    ("PDF", b"%PDF-1.7\n\x00\x01", 1, "(FORMAT_UNEXPECTED)"),
    ("PDF of text", b"%PDF-1.7\n1 0 obj\n", 1, "found a PDF, which headrace does not read"),
    ("page of an error", b"\n<!DOCTYPE html>\n<html><body>404, not found</body></html>\n", 1, "found an HTML page"),
    ("XML", b'\xef\xbb\xbf<?xml version="1.0"?>\n<Error/>', 1, "found XML"),
    ("only empty names", b",,\n1,2,3\n", 2, "the columns of the file are 'column_1', 'column_2', 'column_3'"),
    ("Parquet", b"PAR1\x15\x04\x15" + NOISE, 1, "(PARQUET_DAMAGED)"),
    ("zip", b"PK\x03\x04" + NOISE, 1, "(ZIP_CUT)"),
    ("cut gzip", gzip.compress(b"id,v\n" + b"".join(b"%d,%d\n" % (i, i * i) for i in range(3_000)))[:5_000], 1, "(GZIP_CUT)"),
    ("damaged gzip", gzip.compress(b"id,v\n1,2\n")[:-6] + b"\0\0\0\0\0\0", 1, "(GZIP_DAMAGED)"),
    ("JSON array", b'[{"id":1},{"id":2}]', 0, "read 2 = written 2"),
    ("JSON array that is cut", b'[{"id":1},{"id":2}', 1, "(JSON_INVALID)"),
    ("bad JSON lines", b'{"id":1}\n{"id":\n{"id":1,"id":2}\n[]\n{"id":2}\n', 3, "JSON_INVALID"),
    ("one endless line", b"x" * 3_000_000, 1, "(HEADER_INVALID)"),
]


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_bad_file_is_answered_in_one_sentence(run: Run, folder: Path, aws: EmbeddedAws, case: tuple[str, bytes, int, str]) -> None:
    """Nothing surprises the loader: each file has its answer, and what can be loaded of it is."""
    _, content, code, expected = case
    (folder / "a.csv").write_bytes(content)
    ran = run("load", "a.csv", "--table", "orders", "--key", "id")
    assert ran.code == code
    assert expected in ran.out + ran.err
    assert "DEFECT" not in ran.err
    assert ("next: " in ran.err) == (code in (1, 2))
    assert len(items(aws, "orders")) <= 2


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_bad_file_previews_as_it_loads(run: Run, folder: Path, case: tuple[str, bytes, int, str]) -> None:
    """The preview knows before."""
    name, content, code, expected = case
    (folder / "a.csv").write_bytes(content)
    ran = run("preview", "a.csv", "--key", "id", "--all")
    if name == "NaN among numbers":  # without the table nobody knows that its key is a number
        code, expected = 0, "id (string)"
    assert ran.code == code
    assert expected in ran.out + ran.err


@pytest.mark.parametrize(
    ("name", "expected"), [("nowhere.csv", "No such file"), (".", "name one file in it"), ("a.csv/b.csv", "Not a directory"), ("x" * 300, "too long")]
)
@pytest.mark.parametrize("command", ["load", "preview"])
def test_file_that_cannot_be_opened_is_the_first_thing_said(run: Run, folder: Path, command: str, name: str, expected: str) -> None:
    """Before credentials, region and table are missed, the file is."""
    (folder / "a.csv").touch()
    ran = run(command, name, "--table", "orders", "--key", "id")
    assert (ran.code, ran.out) == (1, "")
    assert expected in ran.err
    assert "next: " in ran.err


@pytest.mark.skipif(os.geteuid() != 0, reason="another user is needed, to whom a file can be forbidden")
@pytest.mark.parametrize("path", ["a.csv", "locked/a.csv"])
def test_forbidden_file_is_said_to_be_forbidden(run: Run, folder: Path, path: str) -> None:
    """Neither a missing file nor a defect."""
    (folder / "locked").mkdir(mode=0o700)
    for name in ("a.csv", "locked/a.csv"):
        (folder / name).write_text("id\n1\n")
        (folder / name).chmod(0o600)
    folder.chmod(0o755)
    assert run("preview", path, "--key", "id").code == 0  # and everything is imported
    os.seteuid(65534)
    try:
        ran = run("preview", path, "--key", "id")
    finally:
        os.seteuid(0)
    assert ran.code == 1
    assert f"error: {path}: Permission denied (OBJECT_MISSING)" in ran.err


@pytest.fixture
def file(folder: Path) -> Path:
    path = folder / "a.csv"
    path.write_text("id,v\n1,2\n")
    return path


def test_load_when_nothing_listens_names_the_endpoint(run: Run, file: Path, aws: EmbeddedAws) -> None:
    """A wrong endpoint is told, not waited for."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    ran = run("load", file, "--table", "orders", "--endpoint-url", f"http://127.0.0.1:{port}")
    assert ran.code == 1
    assert "(ENDPOINT_UNREACHABLE)" in ran.err
    assert "check --endpoint-url" in ran.err


def test_load_without_credentials_says_so(run: Run, file: Path, server: EmbeddedAws) -> None:
    """The code and what to set."""
    ran = run("load", file, "--table", "orders", "--endpoint-url", server.endpoint_url, "--region", "us-east-1")
    assert ran.code == 1
    assert "no AWS credentials found (CREDENTIALS_MISSING)" in ran.err
    assert "AWS_PROFILE" in ran.err


def test_load_without_a_region_says_so(run: Run, file: Path) -> None:
    """The code and what to set."""
    ran = run("load", file, "--table", "orders")
    assert ran.code == 1
    assert "no AWS region found (REGION_MISSING)" in ran.err
    assert "--region" in ran.err


def test_load_with_foreign_credentials_says_who_is_unknown(run: Run, file: Path, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """No permission would help here."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIANOBODYKNOWSTHIS0")
    ran = run("load", file, "--table", "orders", "--json")
    assert ran.code == 1
    assert ran.document["error"] == "CREDENTIALS_REFUSED"
    assert "AWS_PROFILE" in ran.document["hint"]
