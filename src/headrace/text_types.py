"""What the values of the text formats become: rows of docs/types.md, each with an example that a test holds."""

from __future__ import annotations

from typing import NamedTuple


class Example(NamedTuple):
    """A value as it stands in the file, the column's settings if it needs some, the DynamoDB JSON (``""``: no attribute) or a code, and how."""

    source: str
    settings: dict[str, str]
    becomes: str
    how: str


FIELD_EXAMPLES: list[Example] = [
    Example("text", {}, '{"S":"text"}', "character by character; fixed width without the spaces around it"),
    Example("007", {}, '{"S":"007"}', "no column is a number unless the route says so"),
    Example("1.50", {"type": "number"}, '{"N":"1.5"}', "exact up to 38 digits, never a float"),
    Example("1.234.567,8", {"type": "number", "decimal": ",", "thousands": "."}, '{"N":"1234567.8"}', "with the column's own marks"),
    Example("NaN", {"type": "number"}, "NUMBER_INVALID", "so is Infinity"),
    Example("yes", {"type": "boolean"}, '{"BOOL":true}', "true, t, yes, y, 1 and their opposites, in any case"),
    Example("2024-01-01T00:00:00Z", {"type": "timestamp"}, '{"N":"1704067200"}', "epoch seconds; without a zone it is UTC"),
    Example("31.12.2024", {"type": "timestamp", "format": "%d.%m.%Y"}, '{"N":"1735603200"}', "by a strptime pattern"),
    Example("31.12.2024", {"type": "date", "format": "%d.%m.%Y"}, '{"S":"2024-12-31"}', "text that sorts by day, of any year"),
    Example("aGk=", {"type": "binary"}, '{"B":"aGk="}', "base64 or hex"),
    Example("a|b", {"type": "list"}, '{"L":[{"S":"a"},{"S":"b"}]}', "split at `separator`"),
    Example("a|a", {"type": "string_set"}, '{"SS":["a"]}', ""),
    Example('{"a":[1.0]}', {"type": "json"}, '{"M":{"a":{"L":[{"N":"1"}]}}}', "as JSON below"),
    Example("", {}, "", "as `empty` says; so does a text of `null_values`"),
]
MEMBER_EXAMPLES: list[Example] = [
    Example('"text"', {}, '{"S":"text"}', ""),
    Example('"\\ud800"', {}, "ENCODING_INVALID", "a lone surrogate is no text"),
    Example("1.50", {}, '{"N":"1.5"}', "exact up to 38 digits, never a float"),
    Example("1" + "0" * 130, {}, "NUMBER_RANGE", "beyond 9.9E+125"),
    Example("true", {}, '{"BOOL":true}', ""),
    Example("null", {}, "", "as `empty` says; NULL inside of arrays and objects"),
    Example('""', {}, "", "as `empty` says; the empty string inside of arrays and objects"),
    Example('[1,null,""]', {}, '{"L":[{"N":"1"},{"NULL":true},{"S":""}]}', ""),
    Example('{"a":{}}', {}, '{"M":{"a":{"M":{}}}}', "at most 32 levels"),
    Example('"2024-12-31"', {"type": "timestamp"}, '{"N":"1735603200"}', "a column's type reads texts and numbers as it reads fields"),
]


def rows(examples: list[Example]) -> list[tuple[str, str, str]]:
    """The rows of a table for people: the value, with its settings; what it becomes; how."""
    found = []
    for source, settings, becomes, how in examples:
        value = f"`{shown(source)}`" if source else "an empty field"
        given = "".join(f", `{name}: {text}`" for name, text in settings.items())
        found.append((value + given, f"`{becomes}`" if becomes.startswith("{") else becomes or "-", how))
    return [tuple(cell.replace("|", "\\|") for cell in row) for row in found]  # type: ignore[misc]  # three cells as before


def shown(source: str) -> str:
    return source if len(source) < 40 else f"{source[:6]}… ({len(source)} digits)"


TEXT_SECTIONS = [
    ("`csv`, `tsv`, `fixed`", "Fields are texts; what they become is said by the route's columns.", rows(FIELD_EXAMPLES)),
    ("`jsonl`, `json`, `json_values`", "Members have types of their own.", rows(MEMBER_EXAMPLES)),
]
