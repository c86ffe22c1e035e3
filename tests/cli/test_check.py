from __future__ import annotations

from pathlib import Path

from cli.program import Run

CONFIG = """\
source: {bucket: my-incoming}
tables:
  orders: {key: {id: number}}
routes:
  - {name: orders, match: "in/**.csv", format: csv, table: orders, columns: {id: number, price: number}}
"""


def test_check_when_config_is_right_says_what_it_means(run: Run, folder: Path) -> None:
    """The summary names routes, tables and keys; the JSON is the config with its defaults."""
    (folder / "headrace.yaml").write_text(CONFIG)
    (folder / "below").mkdir()
    ran = run("check")
    assert ran.code == 0
    assert "orders\tin/**.csv\tcsv\torders\tid: number\t2\treject" in ran.out
    document = run("check", "--json").document
    assert document["config"]["routes"][0]["on_error"] == {"action": "continue", "max_rejects": 1000, "max_reject_percent": None}


def test_check_when_config_is_wrong_names_all_problems_with_lines(run: Run, folder: Path) -> None:
    """All at once, each with its place, what to write instead, and exit code 2."""
    (folder / "headrace.yaml").write_text(CONFIG.replace("bucket:", "buckett:").replace("format: csv", "format: cvs"))
    ran = run("check")
    assert (ran.code, ran.out) == (2, "")
    assert "line 5: routes[0].format: found the text 'cvs', expected `csv`, `tsv`, " in ran.err
    assert "write `csv`" in ran.err
    assert "source.buckett" in ran.err
    problems = run("check", "--json").document["problems"]
    assert {"path", "line", "found", "expected", "hint"} == set(problems[0])
    assert len(problems) == 3


def test_check_when_transform_cannot_be_imported_exits_2(run: Run, folder: Path) -> None:
    """A transform that is not there is found before anything is deployed."""
    (folder / "headrace.yaml").write_text(CONFIG.replace("table: orders, ", 'table: orders, transform: "nowhere_to_be:found", '))
    ran = run("check")
    assert ran.code == 2
    assert "No module named 'nowhere_to_be'" in ran.err


def test_check_without_a_config_says_where_it_looked(run: Run, folder: Path) -> None:
    """Exit code 2 and the folder."""
    ran = run("check")
    assert ran.code == 2
    assert f"no headrace.yaml in {folder} or above" in ran.err
