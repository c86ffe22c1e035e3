"""Reading headrace.yaml: where it is found, what YAML makes of it, and how mistakes in its shape are told."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.config.model import Column, Config, Format, Route, Source, Table
from headrace.config.parse import find, load, parse
from headrace.config.paths import listed
from headrace.errors import ConfigError, ConfigProblem

FORMATS = listed(get_args(Format))
SMALL = """\
source:
  bucket: my-files
tables:
  orders:
    key: {order_id: string}
routes:
  - name: orders
    match: orders/**.csv
    format: csv
    table: orders
    columns:
      order_id: string
      price: number
"""

EXAMPLE = Path(__file__).parents[2] / "examples/flights/headrace.yaml"


def problems_of(text: str) -> list[ConfigProblem]:
    with pytest.raises(ConfigError) as caught:
        parse(text, "headrace.yaml")
    return caught.value.problems


def only_problem(text: str) -> ConfigProblem:
    problems = problems_of(text)
    assert len(problems) == 1, problems
    return problems[0]


def test_parse_of_a_small_config_gives_its_classes() -> None:
    """What is not written has its default; a column may be its type alone."""
    assert parse(SMALL, "x") == Config(
        source=Source("my-files"),
        tables={"orders": Table({"order_id": "string"})},
        routes=[Route("orders", "orders/**.csv", "csv", "orders", columns={"order_id": Column("string"), "price": Column("number")})],
    )


def test_load_of_the_example_gives_a_config_without_problems() -> None:
    """The annotated example is a valid config, its columns are those of the data beside it."""
    config = load(EXAMPLE)
    header = (EXAMPLE.parent / "data/flights-2013-01-week-1.csv").read_text().split("\n")[0].strip().split(",")
    assert list(config.routes[0].columns) == header
    plane = json.loads((EXAMPLE.parent / "data/planes.jsonl").read_text().split("\n")[0])
    assert set(config.routes[1].columns) >= set(plane)


def test_find_from_a_folder_below_gives_the_nearest_config_above(tmp_path: Path) -> None:
    """The config is searched from the working directory upward, as git does."""
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / "headrace.yaml").write_text("")
    assert find(below) == tmp_path / "headrace.yaml"
    (below / "headrace.yaml").write_text("")
    assert find(below) == below / "headrace.yaml"
    (tmp_path / "a" / "headrace.yaml").mkdir()
    assert find(tmp_path / "a") == tmp_path / "headrace.yaml"


def test_load_of_a_missing_file_raises_config_error(tmp_path: Path) -> None:
    """A file that cannot be read is a config error like any other."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "none.yaml")
    assert caught.value.problems[0].found == "no such file or directory"


def test_load_of_bytes_that_are_not_utf8_names_the_line(tmp_path: Path) -> None:
    """A file in another encoding is named as such."""
    path = tmp_path / "headrace.yaml"
    path.write_bytes(b"name: a\n# caf\xe9\n")
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert caught.value.problems == [ConfigProblem("", "the byte 0xe9", "text in UTF-8", "save the file as UTF-8", 2)]


def test_load_of_a_file_with_a_byte_order_mark_ignores_it(tmp_path: Path) -> None:
    """Windows editors write one."""
    path = tmp_path / "headrace.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALL.encode())
    assert load(path) == parse(SMALL, "x")


def with_route(line: str, text: str = SMALL) -> str:
    """``text`` with one more line at the end of its route."""
    return text + f"    {line}\n"


SHAPES = [
    (SMALL.replace("bucket: my-files", "bucket: 5"), "source.bucket", 2, "the number 5", "text", "put it in quotes: '5'"),
    (SMALL.replace("bucket: my-files", "bucket:"), "source.bucket", 2, "nothing", "text", "write a value, or remove the line"),
    (
        SMALL.replace("bucket: my-files", "triger: sqs\n  bucket: my-files"),
        "source.triger",
        2,
        "the unknown name `triger`",
        "`bucket` or `trigger`",
        "write `trigger`",
    ),
    (SMALL + "zzz: 1\n", "zzz", 14, "the unknown name `zzz`", "`source`, `tables`, `routes`, `name`, `rejects`, `limits` or `function`", "remove it"),
    (SMALL + "delimiter: ;\n", "delimiter", 14, None, None, "`delimiter` belongs in a route: move it there"),
    (SMALL.replace("price: number", "price: numbr"), "routes[0].columns.price.type", 13, "the text 'numbr'", None, "write `number`"),
    (SMALL.replace("price: number", "price: integer"), "routes[0].columns.price.type", 13, "the text 'integer'", None, "write `number`"),
    (SMALL.replace("price: number", "price: {type: Boolean}"), "routes[0].columns.price.type", 13, "the text 'Boolean'", None, "write `boolean`"),
    (
        SMALL.replace("price: number", "price: [number]"),
        "routes[0].columns.price",
        13,
        "a list",
        "a type, or a mapping (`name: value`)",
        "write a type, such as `string`",
    ),
    (SMALL.replace("price: number", "price:"), "routes[0].columns.price", 13, "nothing", None, "write a type, such as `string`"),
    (SMALL.replace("price: number", "unit price: nmbr"), 'routes[0].columns["unit price"].type', 13, "the text 'nmbr'", None, "write `number`"),
    (SMALL.replace("format: csv", "format: ndjson"), "routes[0].format", 9, "the text 'ndjson'", FORMATS, "write `jsonl`"),
    (SMALL.replace("format: csv", "format: pickle"), "routes[0].format", 9, "the text 'pickle'", FORMATS, "write one of these"),
    (SMALL.replace("    format: csv\n", ""), "routes[0].format", 7, "nothing", "`format`", f"add `format`: {FORMATS}"),
    (SMALL.replace("    key: {order_id: string}", "    name: o-1"), "tables.orders.key", 4, "nothing", "`key`", "add `key`"),
    (SMALL.replace("source:\n  bucket: my-files\n", ""), "source", 1, "nothing", "`source`", "add `source`"),
    (SMALL + "limits: 5\n", "limits", 14, "the number 5", "a mapping (`name: value`)", "write its members below, indented, each as `name: value`"),
    (SMALL + 'function: {timeout_s: "60"}\n', "function.timeout_s", 14, "the text '60'", "a whole number", "remove the quotes: 60"),
    (SMALL + "function: {timeout_s: 60.5}\n", "function.timeout_s", 14, "the number 60.5", "a whole number", "write a whole number"),
    (SMALL + "function: {timeout_s: true}\n", "function.timeout_s", 14, "true", "a whole number", "write a whole number"),
    (
        SMALL.replace("{order_id: string}", "{order_id: string}\n    existing: 1"),
        "tables.orders.existing",
        6,
        "the number 1",
        "true or false",
        "write true or false",
    ),
    (with_route("header: a,b"), "routes[0].header", 14, "the text 'a,b'", "a list", "write a list, each member on its own line after `- `"),
    (with_route("null_values: [a, NULL]"), "routes[0].null_values[1]", 14, "nothing", "text", "put it in quotes: 'NULL'"),
    (with_route("null_values: [-1]"), "routes[0].null_values[0]", 14, "the number -1", "text", "put it in quotes: '-1'"),
    (with_route("null_values:\n    - #N/A"), "routes[0].null_values[0]", 15, "nothing", "text", "put the text in quotes: a `#` begins a comment"),
    (with_route("constants: {a: 1.5}"), "routes[0].constants.a", 14, "the number 1.5", "text or a whole number or true or false", "put it in quotes: '1.5'"),
    (with_route("on_error: {max_rejects: no limit}"), "routes[0].on_error.max_rejects", 14, "the text 'no limit'", "a whole number", "write a whole number"),
    (with_route("mode: upsert"), "routes[0].mode", 14, "the text 'upsert'", "`put`, `delete`, `insert_only`, `update` or `newer_wins`", "write `put`"),
    (SMALL.replace("routes:\n  -", "routes:\n  - 5\n  -"), "routes[0]", 7, "the number 5", "a mapping (`name: value`)", None),
    (SMALL + "source: {bucket: other}\n", "source", 14, "`source` a second time", "each name once", "remove one of the two; the first is on line 1"),
    (SMALL + "? [a]\n: b\n", "", 14, "a list or mapping as a name", None, None),
    (with_route("<<: {mode: put}"), 'routes[0]["<<"]', 14, "a merge key `<<`", None, None),
]


@pytest.mark.parametrize("shape", SHAPES)
def test_parse_of_a_wrong_shape_tells_place_found_expected_and_hint(shape: tuple[str, str, int, str | None, str | None, str | None]) -> None:
    """Each mistake is one problem with its path, its line and a next action; None in an example is any text but the empty one."""
    text, path, line, found, expected, hint = shape
    problem = only_problem(text)
    assert (problem.path, problem.line) == (path, line)
    assert problem.found == (found or problem.found) != ""
    assert problem.expected == (expected or problem.expected) != ""
    assert problem.hint == (hint or problem.hint) != ""


@pytest.mark.parametrize("written", ["null", "'null'", "Null"])
def test_parse_of_empty_null_gives_the_policy_null(written: str) -> None:
    """`empty: null` means the policy of that name, with or without quotes, for routes and columns."""
    text = with_route(f"empty: {written}").replace("price: number", f"price: {{type: number, empty: {written}}}")
    config = parse(text.replace("order_id: string\n", "order_id: {type: string, empty: reject}\n"), "x")
    assert (config.routes[0].empty, config.routes[0].columns["price"].empty) == ("null", "null")


TEN_MISTAKES = """\
name: my_stack
source:
  bucket: s3://files
  triger: sqs
tables:
  orders:
    key: {order_id: strin}
routes:
  - name: orders
    match: /orders/**.csv
    format: xml
    table: order
    columns:
      price: decimal
      date: {type: timestamp, format: YYYY-MM-DD}
function:
  timeout_s: 1000
"""


def test_parse_of_ten_mistakes_tells_all_ten_at_once() -> None:
    """Mistakes of every kind are told in one go, in the order of the lines: wrong shapes do not hide broken rules."""
    problems = problems_of(TEN_MISTAKES)
    assert [(problem.line, problem.path) for problem in problems] == [
        (1, "name"),
        (3, "source.bucket"),
        (4, "source.triger"),
        (7, "tables.orders.key.order_id"),
        (10, "routes[0].match"),
        (11, "routes[0].format"),
        (12, "routes[0].table"),
        (14, "routes[0].columns.price.type"),
        (15, "routes[0].columns.date.format"),
        (17, "function.timeout_s"),
    ]
    assert len(problems) == 10


def test_parse_when_a_value_is_of_the_wrong_kind_tells_nothing_that_follows_from_it() -> None:
    """One mistake is one problem: rules that depend on the wrong value stay silent."""
    for text in (
        SMALL.replace("order_id: string\n", "order_id: strng\n"),
        SMALL.replace("    key: {order_id: string}", "    key: order_id"),
        SMALL.replace("orders:\n    key: {order_id: string}", "orders: 5"),
    ):
        assert len(problems_of(text)) == 1, problems_of(text)


def test_every_message_is_free_of_the_validation_library() -> None:
    """People read headrace's words, no jargon and no addresses."""
    texts = [TEN_MISTAKES, "a: @b", "[]", *(shape[0] for shape in SHAPES)]
    said = " ".join(f"{problem.found} {problem.expected} {problem.hint}" for text in texts for problem in problems_of(text))
    assert not re.search(r"pydantic|Input should|https?:|dataclass|keyword argument|literal|NoneType|another value", said)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["source", "bucket", "tables", "key", "routes", "columns", "match", "name", "x"]), inner, max_size=4)
        ),
        max_leaves=20,
    )
)
def test_parse_of_any_yaml_gives_a_config_or_problems(data: object) -> None:
    """No file makes the parser fail in another way than by problems."""
    try:
        parse(yaml.safe_dump(data, allow_unicode=True), "x")
    except ConfigError as error:
        assert error.problems and all(problem.hint and problem.found and problem.expected for problem in error.problems)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_parse_of_the_example_with_one_piece_cut_out_gives_a_config_or_problems(data: st.DataObject) -> None:
    """A half-edited file is told about, wherever it was cut."""
    text = EXAMPLE.read_text()
    start = data.draw(st.integers(0, len(text)))
    cut = text[:start] + text[start + data.draw(st.integers(1, 40)) :]
    try:
        parse(cut, "x")
    except ConfigError as error:
        assert all(1 <= problem.line <= len(cut.splitlines()) + 1 for problem in error.problems)
