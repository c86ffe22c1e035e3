from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from cli.program import Run, run_process

CONFIG = """\
source: {bucket: my-incoming}
tables:
  orders: {key: {pk: string}}
routes:
  - {name: orders, match: "in/orders/*.csv", format: csv, table: orders, key: {pk: "order#{id}"}, columns: {id: number, price: {type: number, empty: reject}}}
  - {name: others, match: "**.csv", format: csv, table: orders, key: {pk: "other#{id}"}, columns: {id: number}, other_columns: drop}
  - {name: gone, match: "gone/*", format: jsonl, table: orders, key: {pk: "order#{id}"}, columns: {id: number}, mode: delete}
"""


@pytest.fixture
def project(folder: Path) -> Path:
    (folder / "headrace.yaml").write_text(CONFIG)
    (folder / "in" / "orders").mkdir(parents=True)
    (folder / "in" / "orders" / "a.csv").write_text("id,price\n1,5.50\n2,x\n3,\n4,1e3\n")
    return folder


def test_preview_without_a_config_infers_types_and_prints_items(run: Run, folder: Path) -> None:
    """One command, no config: DynamoDB JSON on stdout, everything else on stderr."""
    (folder / "a.csv").write_text("id,price,zip\n1,5.50,007\n2,NA,12\n")
    ran = run("preview", "a.csv", "--key", "id")
    assert ran.code == 0
    assert ran.items == [{"Item": {"id": {"N": "1"}, "price": {"N": "5.5"}, "zip": {"S": "007"}}}, {"Item": {"id": {"N": "2"}, "zip": {"S": "12"}}}]
    assert "zip: kept as string because of leading zeros in '007'" in ran.err
    assert "NA is read as null" in ran.err
    assert "read 2 = written 2 + rejected 0 + filtered 0 + superseded 0" in ran.err


def test_preview_when_the_transform_prints_has_nothing_but_items_on_stdout(run: Run, project: Path) -> None:
    """What it prints, at its import too, is for people: it goes to stderr."""
    (project / "cli_preview_transform.py").write_text("print('imported')\n\n\ndef tell(record):\n    print('told', record['id'])\n    return record\n")
    (project / "headrace.yaml").write_text(CONFIG.replace("table: orders, key", 'table: orders, transform: "cli_preview_transform:tell", key'))
    ran = run("preview", "in/orders/a.csv")
    assert [item["Item"]["pk"]["S"] for item in ran.items] == ["order#1", "order#4"]
    assert "imported\n" in ran.err
    assert "told 1\ntold 2\n" in ran.err


@pytest.mark.parametrize(
    ("name", "content", "items"),
    [
        ("a.csv", b'a,b,c\n1,"x ""y""\r\nz",\n007,,NA\n', [{"a": "1", "b": 'x "y"\r\nz', "c": ""}, {"a": "007", "b": "", "c": "NA"}]),
        ("a.csv", b"a,a,\n1,2,3", [{"a": 1, "a_2": 2, "column_3": 3}]),
        ("a.csv", b"a\n", []),
        ("a.json", b'[1.50,"x",null,{"a":"","a":"b"},{}]', [{"value": 1.5}, {"value": "x"}, {"value": None}, {"a": "b"}, {}]),
        ("a.json", b' "top" ', [{"value": "top"}]),
        ("a.json", b'{"a":{"b":[]},"c":""}', [{"a": {"b": []}, "c": ""}]),
    ],
)
def test_preview_without_config_and_key_shows_every_value(run: Run, folder: Path, name: str, content: bytes, items: list[Any]) -> None:
    """What is only looked at loses nothing: no empty text, no null, no value that is no object."""
    (folder / name).write_bytes(content)
    ran = run("preview", name, "--all")
    assert (ran.code, [plain({"M": item["Item"]}) for item in ran.items]) == (0, items)


def plain(value: Any) -> Any:
    """A value of DynamoDB JSON as JSON has it."""
    ((kind, content),) = value.items()
    match kind:
        case "M":
            return {name: plain(member) for name, member in content.items()}
        case "L":
            return [plain(member) for member in content]
        case "N":
            return float(content)
        case "NULL":
            return None
        case _:
            return content


def test_preview_of_json_lines_keeps_types_and_digits(run: Run, folder: Path) -> None:
    """Values of JSON have types of their own."""
    (folder / "a.jsonl").write_text('{"id":"7","n":12345678901234567890.10,"list":[true,null]}\n')
    ran = run("preview", "a.jsonl", "--key", "id")
    assert ran.items == [{"Item": {"id": {"S": "7"}, "n": {"N": "12345678901234567890.1"}, "list": {"L": [{"BOOL": True}, {"NULL": True}]}}}]


def test_preview_with_a_config_rejects_as_a_load_does(run: Run, project: Path) -> None:
    """The record loop is the same: rejections are counted, explained and kept, and the exit code is 3."""
    ran = run("preview", "in/orders/a.csv", "--rejects", "bad.jsonl")
    assert ran.code == 3
    assert [item["Item"]["pk"] for item in ran.items] == [{"S": "order#1"}, {"S": "order#4"}]
    assert "1\tNUMBER_INVALID\t3\tcolumn price: found 'x'" in ran.err
    assert [json.loads(line)["line"] for line in (project / "bad.jsonl").read_text().splitlines()] == [3, 4]


def test_preview_without_rejects_option_leaves_no_file(run: Run, project: Path) -> None:
    """A preview changes nothing unless it is asked to."""
    before = sorted(project.rglob("*"))
    assert run("preview", "in/orders/a.csv").code == 3
    assert sorted(project.rglob("*")) == before


@pytest.mark.parametrize(
    "case",
    [
        (".", "in/orders/a.csv", "order#1"),
        ("in", "orders/a.csv", "order#1"),
        ("in/orders", "a.csv", "order#1"),
        ("in", "../in/./orders/a.csv", "order#1"),
        (".", "copy/in/orders/a.csv", "order#1"),
        (".", "a.csv", "other#1"),
    ],
)
def test_preview_finds_the_same_route_from_every_folder(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch, case: tuple[str, str, str]) -> None:
    """A file takes the first route that matches its path below the config, or the end of it."""
    at, path, pk = case
    target = project / at / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("id,price\n1,2\n")
    monkeypatch.chdir(project / at)
    for given in (path, target.resolve()):
        assert run("preview", given).items[0]["Item"]["pk"] == {"S": pk}


def test_preview_of_a_delete_route_prints_keys(run: Run, project: Path) -> None:
    """What would be deleted is shown as keys."""
    (project / "a.txt").write_text('{"id":5}\n')
    assert run("preview", "a.txt", "--route", "gone").items == [{"Key": {"pk": {"S": "order#5"}}}]


@pytest.mark.parametrize(("options", "count"), [([], 10), (["--limit", "3"], 3), (["--all"], 50)])
def test_preview_stops_at_its_limit(run: Run, folder: Path, options: list[str], count: int) -> None:
    """Ten records unless told otherwise."""
    (folder / "a.csv").write_text("id\n" + "".join(f"{number}\n" for number in range(50)))
    ran = run("preview", "a.csv", "--key", "id", *options)
    assert len(ran.items) == count
    assert ("--all reads more" in ran.err) == (count < 50)


def test_preview_of_standard_input_reads_gzip_too(folder: Path) -> None:
    """``-`` is any stream: other tools decompress and download."""
    ran = run_process("preview", "-", "--key", "id", stdin=gzip.compress(b"id,v\n1,\xc3\xa9\n"))
    assert (ran.code, ran.items) == (0, [{"Item": {"id": {"N": "1"}, "v": {"S": "é"}}}])


def test_preview_of_an_object_in_s3_says_how_to_get_it(run: Run) -> None:
    """This command never calls AWS."""
    ran = run("preview", "s3://bucket/a.csv", "--key", "id")
    assert ran.code == 2
    assert "aws s3 cp s3://bucket/a.csv - | headrace preview -" in ran.err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["a.csv", "--key", "idd"], "write `id`"),
        (["a.csv", "--key", "id:"], "expected pk or pk:sk"),
        (["a.csv", "--key", "id:v:w"], "expected pk or pk:sk"),
        (["a.csv", "--key", "id", "--route", "x"], "leave out one pair"),
        (["a.csv", "--key", "id", "--rejects", "a.csv"], "is the source itself"),
        (["a.csv", "--key", "id", "--rejects", "nowhere/a.jsonl"], "not a folder that can be written to"),
        (["a.csv", "--key", "id", "--rejects", "."], "is a folder"),
    ],
)
def test_preview_with_contradicting_options_exits_2(run: Run, folder: Path, arguments: list[str], expected: str) -> None:
    """Each is one sentence and a next step."""
    (folder / "a.csv").write_text("id,v\n1,2\n")
    ran = run("preview", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert expected in ran.err
    assert (folder / "a.csv").read_text() == "id,v\n1,2\n"


def test_preview_never_lets_a_file_steer_the_terminal(run: Run, folder: Path) -> None:
    """Control characters of names and values are shown as escapes."""
    (folder / "a.csv").write_text("id,\x1b[2Jred\n1,\x1b]0;title\x07\n")
    ran = run("preview", "a.csv", "--key", "id")
    assert "\x1b" not in ran.err + ran.out
    assert "\\x1b[2Jred" in ran.err
