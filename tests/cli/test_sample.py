"""Format and delimiter, seen from the content."""

from __future__ import annotations

import pytest

from headrace.cli.sample import sniffed
from headrace.errors import ObjectError


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("id,name\n1,a\n", "a.csv", ("csv", "")),
        ("id,name\n1,a\n", "a.txt", ("csv", "")),
        ("id\tname\n1\ta\n", "a.csv", ("tsv", "")),
        ("id;name\n1;a\n", "a.csv", ("csv", ";")),
        ("id|name\n1|a\n", "export", ("csv", "|")),
        ("id;price\n1;2,50\n2;3,10\n", "a.csv", ("csv", ";")),
        ('id,note\n1,"a;b;c"\n2,x;y\n', "a.csv", ("csv", "")),
        ('id,note\n1,"line\nline"\n', "a.csv", ("csv", "")),
        ("id\n1\n2\n", "a.csv", ("csv", "")),
        ('{"id": 1}\n', "a.csv", ("jsonl", "")),
        ('{"id": 1\n', "a.log", ("jsonl", "")),
        ('{"id": 1}\n', "a.json.gz", ("jsonl", "")),
        ("oops\n", "a.jsonl", ("jsonl", "")),
        ("[id],[name]\n1,2\n", "a.csv", ("csv", "")),
        ("", "a.csv", ("jsonl", "")),
    ],
)
def test_sniffed_when_content_is_clear_follows_the_content(text: str, name: str, expected: tuple[str, str]) -> None:
    """The content decides; the name only where the content leaves it open."""
    assert sniffed(text, name) == expected


@pytest.mark.parametrize("text", ['[{"id": 1}]', '[\n{"id": 1}\n]', '{\n  "id": 1\n}', "[1, 2]\n"])
def test_sniffed_when_content_is_one_json_document_refuses_it(text: str) -> None:
    """A JSON array or a pretty-printed object would be rejected line by line; one sentence is better."""
    with pytest.raises(ObjectError, match="one JSON document") as raised:
        sniffed(text, "a.json")
    assert "jq" in raised.value.hint
