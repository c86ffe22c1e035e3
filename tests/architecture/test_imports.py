"""Who may import, print, read the environment and sleep (design invariants I11 and I12), read from the source itself."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import headrace

ROOT = Path(headrace.__file__).parent
STAGES = ("events", "read", "decode", "transform", "encode", "write", "account")
SHARED = ("headrace.encoding", "headrace.errors", "headrace.record", "headrace.ports", "headrace.ranges", "headrace.config.model", "headrace.config.template")
BETWEEN_STAGES = {
    ("write", "headrace.account.outcome"): "the writer alone knows what was acknowledged, so it keeps the Counts of the load",
    ("write", "headrace.encode.key"): "an item that the table hands back is found again by the identity that the encoder gave it",
    ("write", "headrace.table_writer"): "the name under which users import the writer alone; loaded only when they do",
}
"""The imports from one stage to another that there are, each with its reason."""

CHILD_PROGRAMS = ("local/bootstrap.py", "local/collect_runtime.py", "local/guard.py")
"""Run in processes of their own with the standard library alone; their environment and their output are their interface."""

PASSES_ENVIRONMENT_ON = ("decode/in_child.py",)
"""Gives a process the few variables that Python itself needs."""

AWS_LIBRARIES = ("boto3", "botocore", "awscrt", "urllib3", "s3transfer")
AUTHORS_LIBRARIES = ("yaml", "pydantic", "pydantic_core", "click", "rich")
PARQUET_LIBRARIES = ("pyarrow", "fastparquet", "polars", "pandas", "numpy", "duckdb")

MODULES_MAX = 385
"""Modules that importing the handler loads, counted on 3.11 (371) with room for other versions of Python and botocore."""
SOURCE_BYTES_MAX = 6_000_000
"""Size of their Python files together; of this headrace itself at most OWN_BYTES_MAX. Not seconds: those depend on the machine."""
OWN_BYTES_MAX = 500_000
COLD_START_BYTES_MAX = 9_000_000
"""Size of all files that a cold start opens once its modules are compiled: theirs, and botocore's descriptions of the services."""


def sources() -> Iterator[tuple[str, ast.Module]]:
    """Path below the package, and syntax tree, of each file."""
    for path in sorted(ROOT.rglob("*.py")):
        yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text())


def imported(tree: ast.AST) -> Iterator[str]:
    """The full name of each module or member that the file imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def used(tree: ast.AST) -> Iterator[str]:
    """Each name or dotted name that the file uses, such as ``print`` or ``os.environ``, and what it imports."""
    yield from imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


def offenders(names: set[str], allowed: tuple[str, ...]) -> list[str]:
    """Files that use one of ``names``, but for those under an ``allowed`` path."""
    return [f"{path}: {', '.join(found)}" for path, tree in sources() if not path.startswith(allowed) and (found := sorted(names & set(used(tree))))]


def test_rules_when_broken_are_seen() -> None:
    """The reader of the source finds what the rules below forbid."""
    tree = ast.parse("import os, time as t\nfrom sys import stdout\ndef f():\n    import botocore.session\n    print(os.environ)\n    t.sleep(1)\n")
    assert {"os", "time", "sys.stdout", "botocore.session", "print", "os.environ", "t.sleep"} <= set(used(tree))
    assert len(list(sources())) > 50


def test_aws_libraries_are_imported_by_the_aws_folder_alone() -> None:
    """Everything else speaks the words of ports.py."""
    found = [path for path, tree in sources() if not path.startswith("aws/") and {name.partition(".")[0] for name in imported(tree)} & {*AWS_LIBRARIES}]
    assert found == []


def test_output_comes_from_the_command_line_alone() -> None:
    """And from the handlers, which write their log lines to stdout, the only log that Lambda takes."""
    names = {"print", "sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__", "builtins.print", "click.echo"}
    assert offenders(names, ("cli/", "handler.py", "sweep_handler.py", *CHILD_PROGRAMS)) == []


def test_environment_is_read_by_config_alone() -> None:
    """botocore reads the AWS variables itself."""
    assert offenders({"os.environ", "os.getenv", "os.environb", "os.getenvb"}, ("config/", *CHILD_PROGRAMS, *PASSES_ENVIRONMENT_ON)) == []


def test_sleep_is_called_by_the_clock_alone() -> None:
    """Everything else is given a Clock, or waits for an event, a queue or a process."""
    assert offenders({"time.sleep", "sleep", "asyncio.sleep"}, ("ports.py",)) == []


def test_clock_is_the_only_part_of_a_stage_that_tells_the_time() -> None:
    """So that tests own it."""
    found = [entry for entry in offenders({"time.time", "time.monotonic", "time"}, ("ports.py", "local/", "cli/")) if not entry.startswith("aws/signing.py")]
    assert found == []


def test_stages_do_not_import_each_other() -> None:
    """A stage can be read, tested and replaced alone; load.py alone knows their order. Each exception has its reason in BETWEEN_STAGES."""
    found = set()
    for path, tree in sources():
        stage = path.partition("/")[0]
        if stage in STAGES:
            modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
            ours = {module for module in modules if module.startswith("headrace") and not module.startswith(f"headrace.{stage}.")}
            found |= {(stage, module) for module in ours if module not in SHARED and module != f"headrace.{stage}"}
    assert found == set(BETWEEN_STAGES)


def test_shared_modules_import_no_stage() -> None:
    """Else a stage would reach another through them."""
    shared = {name.removeprefix("headrace.").replace(".", "/") + ".py" for name in SHARED}
    ours = {name for path, tree in sources() if path in shared for name in imported(tree) if name.startswith("headrace")}
    assert {name for name in ours if name.startswith(tuple(f"headrace.{stage}" for stage in STAGES))} == set()


def test_function_imports_neither_command_line_nor_deployment_nor_local_mode() -> None:
    """What runs in Lambda never reaches, in any branch, for what only authors have."""
    part = (*STAGES, "aws", "config/compiled.py", "config/match.py", "config/model.py", "config/template.py", "handler.py", "load.py", "ports.py", "record.py")
    forbidden = ("headrace.cli", "headrace.deploy", "headrace.local")
    found = [f"{path}: {name}" for path, tree in sources() if path.startswith(part) for name in imported(tree) if name.startswith(forbidden)]
    assert found == []


def loaded() -> dict[str, int]:
    """The modules that importing the handler loads in a fresh interpreter, each with the size of its Python file, else 0."""
    program = (
        "import sys, json; before = set(sys.modules); import headrace.handler; from pathlib import Path; "
        "files = {name: getattr(module, '__file__', None) or '' for name, module in sys.modules.items() if name not in before}; "
        "print(json.dumps({name: Path(file).stat().st_size if file.endswith('.py') else 0 for name, file in files.items()}))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True, timeout=60)
    found: dict[str, int] = json.loads(done.stdout)
    return found


def test_handler_when_imported_loads_nothing_that_it_does_not_need() -> None:
    """A cold start pays for every module, and a library that is not in the zip would end it."""
    names = loaded().keys()
    assert "headrace.handler" in names
    ours = {name for name in names if name.startswith(("headrace.cli", "headrace.deploy", "headrace.local"))}
    libraries = {name.partition(".")[0] for name in names} & {*AUTHORS_LIBRARIES, *PARQUET_LIBRARIES, "boto3", "awscrt", "ministack", "awslambdaric"}
    assert (ours, libraries) == (set(), set())


def test_handler_when_imported_keeps_its_budget() -> None:
    """Modules and bytes stand for the time of a cold start, and unlike it they are the same on every machine."""
    sizes = loaded()
    assert len(sizes) <= MODULES_MAX
    assert sum(sizes.values()) <= SOURCE_BYTES_MAX
    assert sum(size for name, size in sizes.items() if name.startswith("headrace")) <= OWN_BYTES_MAX


COLD_START = """
import json, os, sys
opened = set()
sys.addaudithook(lambda event, values: opened.add(values[0]) if event == "open" and isinstance(values[0], str) else None)
import headrace.handler
from headrace.aws.session import Aws
from headrace.ports import SystemClock
aws = Aws(owner="123456789012")
aws.objects(), aws.rejects("rejects"), aws.ledger("ledger", SystemClock()), aws.table("table", SystemClock())
services = sorted({path.split("/data/")[1].split("/")[0] for path in opened if "/botocore/data/" in path and path.count("/") > 1})
print(json.dumps([sum(os.path.getsize(path) for path in opened if os.path.isfile(path)), services]))
"""


def test_cold_start_with_its_first_clients_keeps_its_budget() -> None:
    """Importing the handler and making the clients that every load needs; no other service's description is read."""
    environment = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "PATH": os.environ["PATH"]}
    for _ in range(2):  # the first run may compile
        done = subprocess.run([sys.executable, "-P", "-c", COLD_START], capture_output=True, text=True, check=True, timeout=60, env=environment)
    size, services = json.loads(done.stdout)
    assert size <= COLD_START_BYTES_MAX
    assert [name for name in services if not name.endswith(".json")] == ["dynamodb", "s3"]
