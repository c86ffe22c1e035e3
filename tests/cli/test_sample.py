"""What a file is believed to be, seen from its content."""

from __future__ import annotations

import random
from typing import Any

import pytest

from headrace.cli.guess import guess
from headrace.errors import ObjectError


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        ("id,name\n1,a\n", "a.csv", {"format": "csv"}),
        ("id,name\n1,a\n", "a.txt", {"format": "csv"}),
        ("id\tname\n1\ta\n", "a.csv", {"format": "tsv"}),
        ("id;name\n1;a\n", "a.csv", {"format": "csv", "delimiter": ";"}),
        ("id|name\n1|a\n", "export", {"format": "csv", "delimiter": "|"}),
        ("id||name||x\n1||a||b\n", "export", {"format": "csv", "delimiter": "||"}),
        ("id;price\n1;2,50\n2;3,10\n", "a.csv", {"format": "csv", "delimiter": ";"}),
        ('id,note\n1,"a;b;c"\n2,x;y\n', "a.csv", {"format": "csv"}),
        ('id,note\n1,"line\nline"\n', "a.csv", {"format": "csv"}),
        ("id,note\n1,'a,b'\n2,'c'\n3,'d'\n", "a.csv", {"format": "csv", "quote": "'"}),
        ('id,note\n1,"a \\"b\\", c"\n', "a.csv", {"format": "csv", "escape": "\\"}),
        ("1,a\n2,b\n", "a.csv", {"format": "csv", "header": ["column_1", "column_2"]}),
        ("id,id,\n1,2,3\n", "a.csv", {"format": "csv", "header_names": "number"}),
        ("id\n1\n2\n", "a.csv", {"format": "csv"}),
        ("[id],[name]\n1,2\n", "a.csv", {"format": "csv"}),
        ('{"id": 1}\n', "a.csv", {"format": "jsonl"}),
        ('{"id": 1\n', "a.log", {"format": "jsonl"}),
        ('{"id": 1}\n', "a.json.gz", {"format": "jsonl"}),
        ("oops\n", "a.jsonl", {"format": "jsonl"}),
        ('[{"id": 1}]', "a", {"format": "json"}),
        ('[\n{"id": 1}\n]', "a", {"format": "json"}),
        ('{\n  "id": 1\n}', "a", {"format": "json"}),
        ("[1, 2]\n", "a.json", {"format": "json"}),
        ("42", "a.json", {"format": "json"}),
        ('{"a":1}{"a":2}', "a.json", {"format": "json_values"}),
        ('{\n"a":1}\n{"a":2}\n', "a", {"format": "json_values"}),
        ('{"a": true} "x"', "a.json", {"format": "json"}),
        ("[][]", "a.json", {"format": "json"}),
    ],
)
def test_guess_when_content_is_clear_follows_the_content(content: str, name: str, expected: dict[str, Any]) -> None:
    """The content decides; the name only where the content leaves it open."""
    assert guess(content.encode(), name, is_whole=True).settings == {"encoding": "utf-8", **expected}


@pytest.mark.parametrize(
    ("content", "encoding", "sureness"),
    [
        ("é,b\n".encode(), "utf-8", "certain"),
        (b"a,b\n", "utf-8", "certain"),
        (b"\xef\xbb\xbfa,b\n", "utf-8", "certain"),
        (b"\xff\xfe" + "a,b\n".encode("utf-16-le"), "utf-16-le", "certain"),
        (b"\xff\xfe\x00\x00" + "a,b\n".encode("utf-32-le"), "utf-32-le", "certain"),
        ("a,b\n".encode("utf-16-be"), "utf-16-be", "likely"),
        ("é,b\nñ,\n".encode("latin-1"), "windows-1252", "guess"),
        (b"a,b\n\x81,c\n", "latin-1", "guess"),
        ("é€ä,b\n".encode() + b"\xff,x\n\n\n\n", "utf-8", "likely"),
    ],
)
def test_guess_of_an_encoding_says_how_sure_it_is(content: bytes, encoding: str, sureness: str) -> None:
    """A byte order mark is certain; an encoding of one byte is a guess, and a warning."""
    found = guess(content, "a.csv", is_whole=True)
    assert (found.beliefs["encoding"].value, found.beliefs["encoding"].sureness) == (encoding, sureness)
    assert any("encoding" in warning for warning in found.warnings) == (sureness == "guess")


def test_guess_of_binary_content_refuses_it() -> None:
    """Zero bytes here and there may be text; many are not."""
    assert guess(b"a,b\n1,\0" + b"x" * 100, "a.csv", is_whole=True).format == "csv"
    with pytest.raises(ObjectError, match="binary content"):
        guess(b"\x00\x01\x02\x03\x00\x00\x00" * 9, "a.csv", is_whole=True)
    with pytest.raises(ObjectError, match="binary content with a zero byte at byte 2, expected text: CSV, TSV or JSON"):
        guess(b"\xe9\xe8\0" + random.Random(1).randbytes(50_000), "a.csv", is_whole=True)
