"""Each row of docs/types.md for the text formats: its example becomes what the page says."""

from __future__ import annotations

import csv
import io
import json

import pytest

from headrace.config.model import Column, Limits, Route, Table
from headrace.encode.mode import compile_fields, compile_members
from headrace.errors import RecordError
from headrace.records import open_records
from headrace.text_types import FIELD_EXAMPLES, MEMBER_EXAMPLES, Example

TABLE = Table({"id": "string"})


def became(form: str, data: bytes, settings: dict[str, str]) -> str:
    """The attribute ``v`` of the one record of ``data``, or the code of its rejection."""
    route = Route("r", "**", form, "t", columns={"id": Column(), **({"v": Column(**settings)} if settings else {})}, other_columns="keep")  # type: ignore[arg-type]  # texts of the page
    decoder = open_records(route, Limits(), iter([data]))
    encode = compile_members(route, TABLE) if decoder.header is None else compile_fields(route, TABLE, decoder.header)
    ((row, *_),) = decoder
    try:
        item = json.loads(encode(row)[1])["PutRequest"]["Item"]
    except RecordError as error:
        return error.code
    return json.dumps(item["v"], separators=(",", ":")) if "v" in item else ""


@pytest.mark.parametrize("example", FIELD_EXAMPLES, ids=str)
def test_field_becomes_what_the_page_says(example: Example) -> None:
    """Written by Python's csv module."""
    text = io.StringIO()
    csv.writer(text).writerows([["id", "v"], ["1", example.source]])
    assert became("csv", text.getvalue().encode(), example.settings) == example.becomes


@pytest.mark.parametrize("example", MEMBER_EXAMPLES, ids=lambda example: example.source[:20])
def test_member_becomes_what_the_page_says(example: Example) -> None:
    """The same in every format of JSON."""
    record = f'{{"id":"1","v":{example.source}}}'
    for form, text in (("jsonl", record), ("json", f"[{record}]"), ("json_values", record)):
        assert became(form, text.encode(), example.settings) == example.becomes
