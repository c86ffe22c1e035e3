"""Bad files through the whole stack: each says what is wrong, where, and what to do next, and nothing of it is lost."""

from __future__ import annotations

import base64
import gzip

import pytest

from system.pipeline import Json, Pipeline, require_balance, wait_until

HEADER = b"id,group,value\n"
GOOD = b"good,bad-input,1\n"
ROWS = b"".join(b"row-%d,cut,1\n" % number for number in range(2_000))

FAILING = {
    "records/wrong-delimiter.csv": (HEADER.replace(b",", b";") + GOOD.replace(b",", b";"), "HEADER_MISSING_COLUMN", "';'", "delimiter"),
    "records/no-key-column.csv": (b"group,value\nbad-input,1\n", "HEADER_MISSING_COLUMN", "expected column 'id'", "header"),
    "records/unknown-column.csv": (b"id,group,value,extra\na,b,1,2\n", "HEADER_UNKNOWN_COLUMN", "extra", "other_columns"),
    "records/column-twice.csv": (b"id,group,value,value\na,b,1,2\n", "HEADER_DUPLICATE", "'value'", "header"),
    "records/utf-16.csv": ((HEADER + GOOD).decode().encode("utf-16"), "ENCODING_UNSUPPORTED", "UTF-16", "encoding: utf-16-le"),
    "records/cut.csv.gz": (gzip.compress(HEADER + ROWS)[:-500], "GZIP_CUT", "in the middle of a member", "upload the whole file again"),
    "records/damaged.csv.gz": (gzip.compress(HEADER + ROWS)[:500] + b"\0" * 400, "GZIP_DAMAGED", "byte", "again"),
    "records/zip.csv": (b"PK\x03\x04" + b"\0" * 100, "ZIP_MEMBERS", "no name", "plain names"),
    "records/parquet.csv": (b"PAR1" + b"\0" * 100, "FORMAT_UNEXPECTED", "Parquet", "name its format in the route"),
    "records/open-quote-header.csv": (b'"id,group,value\n' + GOOD, "HEADER_INVALID", "header line", "first line"),
}
"""Key: content, and of the failure the code, what the message and what the hint must say. (A deleted object is in test_queue.py, a missing
permission in test_permissions.py.)"""

EMPTY = {"records/empty.csv": b"", "records/header-only.csv": HEADER, "records/blank-lines.csv": b"\n\r\n\n", "records/empty.csv.gz": gzip.compress(b"")}

REJECTING = {
    "records/long-field.csv": (HEADER + GOOD + b"long," + b"x" * 500_000 + b",1\n", "ITEM_TOO_LARGE", 3, "group", b"long," + b"x" * 100),
    "records/nan.csv": (HEADER + GOOD + b"nan,bad-input,NaN\n", "NUMBER_INVALID", 3, "value", b"nan,bad-input,NaN\n"),
    "lines/nan.jsonl": (b'{"id":"good","group":"bad-input"}\n{"id":"nan","value":NaN}\n', "JSON_INVALID", 2, "", b'{"id":"nan","value":NaN}'),
    "records/key-empty.csv": (HEADER + GOOD + b",bad-input,1\n", "KEY_EMPTY", 3, "id", b",bad-input,1\n"),
    "records/short-row.csv": (HEADER + GOOD + b"short\n", "FIELD_COUNT", 3, "", b"short\n"),
    "records/latin-1.csv": (HEADER + GOOD + b"latin,caf\xe9,1\n", "ENCODING_INVALID", 3, "group", b"latin,caf\xe9,1\n"),
    "records/key-long.csv": (HEADER + GOOD + b"k" * 2049 + b",bad-input,1\n", "KEY_TOO_LONG", 3, "id", b"k" * 2049),
}
"""Key: content with one good record, and of the rejection the code, the line, the column and the beginning of the record."""


@pytest.fixture(scope="module")
def uploaded(queued: Pipeline) -> Pipeline:
    """All bad files at once, as a careless sender would."""
    for files in (FAILING, REJECTING):
        for key, (body, *_) in files.items():
            queued.upload(key, body)
    for key, body in EMPTY.items():
        queued.upload(key, body)
    return queued


@pytest.mark.parametrize("key", FAILING)
def test_file_when_it_cannot_be_loaded_says_why_and_keeps_the_event(uploaded: Pipeline, key: str) -> None:
    """A stable code, the object's place and version, the fact, the next step; the event is in the failed queue, to be redriven."""
    _, code, fact, step = FAILING[key]
    load = uploaded.load(key, "FAILED")
    assert load["error"] == code
    assert load["object"].startswith(f"{uploaded.bucket}/{key}@")
    assert fact in load["message"] + load["hint"]
    assert step in load["hint"]
    assert load["level"] == "ERROR"
    assert not load["retryable"]
    wait_until(lambda: uploaded.given_up(key), f"{key} in the failed queue")
    for attempt in uploaded.loads(key):
        require_balance(attempt)


def test_file_when_its_table_is_missing_waits_for_the_table(uploaded: Pipeline) -> None:
    """Somebody will create the table or correct its name: the event comes again, it is not given up."""
    key = "nowhere/wrong-table.csv"
    uploaded.upload(key, HEADER + GOOD)
    load = uploaded.load(key, "FAILED")
    assert (load["error"], load["retryable"], load["written"]) == ("TABLE_MISSING", True, 0)
    assert "no-such-table" in load["message"]
    assert "create the table" in load["hint"]
    wait_until(lambda: len(uploaded.loads(key)) > 1, f"{key} delivered again")
    assert uploaded.given_up(key) == []


@pytest.mark.parametrize("key", EMPTY)
def test_file_when_it_has_no_record_is_loaded_with_zero(uploaded: Pipeline, key: str) -> None:
    """Nothing to do is done."""
    load = uploaded.load(key)
    assert (load["state"], load["read"], load["calls"]) == ("LOADED", 0, 0)


@pytest.mark.parametrize("key", REJECTING)
def test_record_when_it_cannot_become_an_item_is_kept_whole_and_its_neighbour_written(uploaded: Pipeline, key: str) -> None:
    """The rejected record is in the rejects bucket with code, line, byte offset, column and its own bytes."""
    body, code, line, column, beginning = REJECTING[key]
    load = uploaded.load(key)
    assert (load["state"], load["level"], load["read"], load["written"], load["rejected"]) == ("LOADED", "WARN", 2, 1, 1)
    (reject,) = uploaded.rejects(load)
    assert (reject["code"], reject["line"], reject["column"], reject["object"]) == (code, line, column, load["object"])
    assert body[reject["byte_offset"] :].startswith(beginning)
    assert raw(reject).startswith(beginning)
    assert reject["message"]
    assert {"id": {"S": "good"}}.items() <= uploaded.items("records", id="good")[0].items()


def test_file_when_cut_after_good_records_counts_no_more_than_was_written(uploaded: Pipeline) -> None:
    """Records before the damage may be in the table. Counted is what was safe at the last look, so never more than that."""
    load = uploaded.load("records/cut.csv.gz", "FAILED")
    written = {item["id"]["S"] for item in uploaded.items("records", group="cut")}
    assert len(written) >= max(load["written"], 1)


def raw(reject: Json) -> bytes:
    return str(reject["raw"]).encode() if "raw" in reject else base64.b64decode(reject["raw_base64"])
