"""The program as a whole: help, errors, exit codes, and what it does not import."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from cli.program import PROGRAM, Run, run_process
from headrace import __version__
from headrace.cli import check, load
from headrace.cli.main import COMMANDS, cli

ROOT = click.Context(cli, info_name="headrace")


def command(name: str) -> click.Command:
    found = cli.get_command(ROOT, name)
    assert found is not None
    return found


def examples(name: str) -> list[str]:
    help = command(name).get_help(click.Context(command(name), info_name=name, parent=ROOT))
    return [line.strip() for line in help.splitlines() if line.startswith("    headrace ") or line.strip().startswith("headrace ")]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_each_command_ends_with_examples_that_the_parser_accepts(name: str) -> None:
    """Every command has an example, and it is a right one."""
    found = examples(name)
    assert found
    for line in found:
        words = shlex.split(line.partition(" > ")[0])
        assert words[:2] == ["headrace", name]
        command(name).make_context(name, words[2:], parent=ROOT)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_json(name: str) -> None:
    """Programs can use every command."""
    assert "as_json" in {parameter.name for parameter in command(name).params}


@pytest.mark.parametrize("arguments", [["--help"], ["preview", "--help"], ["check", "--help"], ["check", "--config", "nix.yaml"]])
def test_help_and_check_import_no_aws(arguments: list[str]) -> None:
    """What needs no AWS does not wait for botocore; the overview waits for nothing at all."""
    heavy = ["botocore", "boto3"] + (["rich", "pydantic", "yaml", "headrace.load"] if arguments == ["--help"] else [])
    code = f"import sys; from headrace.cli.main import main; main({arguments!r}); print(set({heavy!r}) & set(sys.modules) or 'none')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=False)
    assert done.stdout.splitlines()[-1] == "none", done.stderr


def test_preview_imports_no_aws_when_it_runs(folder: Path) -> None:
    """A preview works without botocore, credentials and network."""
    (folder / "a.csv").write_text("id,v\n1,2\n")
    code = "import sys; sys.modules['botocore'] = None; from headrace.cli.main import main; sys.exit(main(['preview', 'a.csv', '--key', 'id']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stdout) == (0, '{"Item":{"id":{"N":"1"},"v":{"N":"2"}}}\n')


def test_no_arguments_show_the_help(run: Run) -> None:
    """The first thing that anybody types is answered."""
    ran = run()
    assert ran.code == 0
    assert all(f"\n  {name} " in ran.out for name in COMMANDS)


def test_version_is_that_of_the_package(run: Run) -> None:
    """``--version`` is one line."""
    assert run("--version").out == f"headrace {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["laod"], "did you mean load?"),
        (["xyz"], "no command 'xyz'"),
        (["--jsn"], "--json"),
        (["load", "a.csv", "--tabel", "t"], "--table"),
        (["load"], "missing argument 'SOURCE'"),
        (["load", "a.csv", "--max-rejects", "-1"], "-1 is not in the range"),
        (["load", "", "--table", "t"], "expected a file, s3://bucket/key, or - for standard input"),
        (["load", "https://x.y/a b.csv", "--table", "t"], "next: curl -sSf 'https://x.y/a b.csv' | headrace load -"),
        (["sniff", "s3://b/a b.csv"], "next: aws s3 cp 's3://b/a b.csv' - | headrace sniff -"),
        (["load", "a.csv", "--endpoint-url", "localhost:8000"], "http://localhost:8000"),
    ],
)
def test_wrong_usage_exits_2_and_says_what_was_meant(run: Run, arguments: list[str], expected: str) -> None:
    """A mistyped word is answered with the nearest right one and the way to the help."""
    ran = run(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert expected in ran.err
    assert "next: " in ran.err


def test_wrong_usage_with_json_is_a_document(run: Run) -> None:
    """Programs get errors in the form of results."""
    ran = run("load", "--json")
    assert (ran.code, ran.err) == (2, "")
    assert ran.document == {"error": "USAGE", "message": "missing argument 'SOURCE'", "hint": "see `headrace load --help`", "retryable": False}


@pytest.mark.parametrize("arguments", [["--json", "--config", "a.yaml", "check"], ["check", "--json", "--config", "a.yaml"]])
def test_shared_options_stand_before_or_after_the_command(run: Run, folder: Path, arguments: list[str]) -> None:
    """``headrace --json check`` is ``headrace check --json``."""
    (folder / "a.yaml").touch()
    assert run(*arguments).document["message"] == "a.yaml: 1 problem"


def test_defect_is_called_a_defect_and_debug_shows_the_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that nobody expected is no fault of the user's."""
    monkeypatch.setattr(check, "read_config", lambda _path: 1 / 0)
    plain = run("check")
    assert plain.code == 1
    assert "error: a defect of headrace: ZeroDivisionError: division by zero (DEFECT)" in plain.err
    assert "Traceback" not in plain.err
    assert "Traceback" in run("check", "--debug").err
    assert run("check", "--json").document["error"] == "DEFECT"


def test_interrupted_load_says_how_far_it_came_and_exits_130(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, aws: object) -> None:
    """Ctrl-C ends cleanly and leaves no doubt."""

    def interrupted(*_arguments: object, **_more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(load, "load_object", interrupted)
    (folder / "a.csv").write_text("id,v\n1,2\n")
    ran = run("load", "a.csv", "--table", "orders")
    assert (ran.code, ran.out) == (130, "")
    assert "0 items written until it was interrupted; loading it again is safe" in ran.err
    assert run("load", "a.csv", "--table", "orders", "--json").document["error"] == "INTERRUPTED"


def test_closed_pipe_is_quiet(folder: Path) -> None:
    """``headrace preview … | head -1`` prints one line and nothing else."""
    (folder / "a.csv").write_text("id,v\n" + "".join(f"{number},{'x' * 100}\n" for number in range(5_000)))
    done = subprocess.run(f"{PROGRAM} preview a.csv --key id --all 2>err | head -1", shell=True, capture_output=True, text=True, timeout=240, check=True)
    assert json.loads(done.stdout)["Item"]["id"] == {"N": "0"}
    assert "rror" not in (folder / "err").read_text()


@pytest.mark.parametrize("arguments", [["sniff", "a.csv"], ["sniff", "a.csv", "--json"], ["preview", "a.csv", "--key", "id"], ["check", "--help"]])
def test_pipe_that_nobody_reads_is_quiet(folder: Path, arguments: list[str]) -> None:
    """Whether it breaks at the first byte or only at the end."""
    (folder / "a.csv").write_text("id,v\n1,2\n")
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([PROGRAM, *arguments], stdout=write, stderr=subprocess.PIPE, text=True, timeout=240, check=False)
    os.close(write)
    assert (done.returncode, "rror" in done.stderr) == (1, False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
@pytest.mark.parametrize("command", ["check --help", "preview a.csv --key id", "sniff a.csv --json", "sniff a.csv"])
def test_full_disk_under_the_output_is_no_defect(folder: Path, command: str) -> None:
    """It is said as what it is, and nobody takes a cut output for a whole one."""
    (folder / "a.csv").write_text("id,v\n1,2\n")
    done = subprocess.run(f"{PROGRAM} {command} >/dev/full", shell=True, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 1
    assert "error: the output: No space left on device (FILE_REFUSED)" in done.stderr


def test_closed_streams_are_no_defect(folder: Path) -> None:
    """A closed output is an output that nobody wants; a closed input has nothing to load."""
    (folder / "a.csv").write_text("id,v\n1,2\n")
    statuses = [
        subprocess.run(f"{PROGRAM} preview {name} --key id 2>err {closed}", shell=True, timeout=240, check=False).returncode
        for name, closed in (("a.csv", ">&-"), ("a.csv", "2>&-"), ("-", "<&-"))
    ]
    assert statuses == [0, 0, 2]
    assert "standard input is closed (USAGE)" in (folder / "err").read_text()


def test_folder_that_is_gone_is_said_to_be_gone(folder: Path) -> None:
    """Somebody else has deleted it."""
    (folder / "gone").mkdir()
    done = subprocess.run(f"cd gone; rmdir ../gone; {PROGRAM} check", shell=True, capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, "the working directory is gone (FILE_REFUSED)" in done.stderr) == (1, True)


def test_second_interrupt_is_as_quiet_as_the_first(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    """People press Ctrl-C more than once."""

    def interrupted(*_arguments: object, **_more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(check, "read_config", interrupted)
    monkeypatch.setattr("headrace.cli.main.show_failure", interrupted)
    assert run("check").code == 130


def test_installed_program_hands_on_the_exit_code(folder: Path) -> None:
    """The console script is the same program."""
    assert run_process("preview", "nix.csv", "--key", "id").code == 1
    (folder / "a.csv").write_text("id,v\n,2\n")
    assert run_process("preview", "a.csv", "--key", "id").code == 3
