"""Every command in the README works as it stands there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import botocore.session
import click
import pytest

from headrace.cli.main import cli
from headrace.local.emulator import EmbeddedAws

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
TIMEOUT_S = 240
LONG = ("demo", "dev")
"""Not run here: test_demo.py runs ``headrace demo``, and dev runs until Ctrl-C. Their options are checked as those of all others."""

ASKING = ("deploy", "destroy")
"""Commands that ask a question on a terminal; here they are told the answer."""

PREPARED = "order_id,line,price\n1,1,9.90\n2,1,1e3\n"


def commands(text: str) -> list[str]:
    """The lines of the blocks marked ``sh``, without comments; a line that ends in a backslash goes on in the next."""
    found = []
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words:
                found.append(shlex.join(words))
    return found


COMMANDS = commands(README)


def parsed(words: list[str]) -> click.Context:
    """The arguments of a ``headrace`` command as it would take them; UsageError for what it would not."""
    context = cli.make_context("headrace", list(words[1:]))
    name, command, rest = cli.resolve_command(context, [*context._protected_args, *context.args])
    assert command is not None
    return command.make_context(name, rest, parent=context)


def test_readme_when_read_has_commands_of_known_kinds_only() -> None:
    """A command of another kind needs a way to be tested first."""
    assert len(COMMANDS) >= 8
    assert {command.split()[0] for command in COMMANDS} <= {"make", "headrace", "cp", "cd"}
    assert commands("```sh\na --b c # d\ne \\\n  f\n```\n```yaml\ng\n```\n") == ["a --b c", "e f"]


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("make ")])
def test_make_when_asked_for_a_target_of_the_readme_knows_it(command: str) -> None:
    """``make demo`` runs headrace demo, ``make test`` every test."""
    target = command.split()[1]
    planned = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    assert planned.returncode == 0, planned.stderr
    assert {"demo": "headrace demo", "test": "pytest", "dev": "headrace dev"}[target] in planned.stdout


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("headrace ")])
def test_headrace_when_given_a_command_of_the_readme_takes_its_arguments(command: str) -> None:
    """Options and arguments exist, with values of the right kind."""
    parsed(shlex.split(command))


def test_parsed_when_an_option_does_not_exist_raises() -> None:
    """The test above can fail."""
    with pytest.raises(click.UsageError):
        parsed(["headrace", "load", "orders.csv", "--no-such-option"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a reader has: the checkout's examples, and a file of their own."""
    made = tmp_path_factory.mktemp("reader")
    shutil.copytree(ROOT / "examples", made / "examples")
    (made / "orders.csv").write_text(PREPARED)
    return made


@pytest.fixture(scope="module")
def account(folder: Path) -> Iterator[Mapping[str, str]]:
    """What a reader has in AWS: a table ``orders`` and a bucket ``bucket`` with a file. The environment that leads there."""
    with EmbeddedAws() as aws:
        session = botocore.session.get_session()
        options = {"endpoint_url": aws.endpoint_url, "aws_access_key_id": "test", "aws_secret_access_key": "test"}
        dynamodb, s3 = (session.create_client(service, aws.region, **options) for service in ("dynamodb", "s3"))
        key = [{"AttributeName": "order_id", "KeyType": "HASH"}]
        types = [{"AttributeName": "order_id", "AttributeType": "S"}]
        dynamodb.create_table(TableName="orders", KeySchema=key, AttributeDefinitions=types, BillingMode="PAY_PER_REQUEST")
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="orders.csv.gz", Body=PREPARED.encode())
        dynamodb.close()
        s3.close()
        yield aws.credentials | {"PATH": f"{Path(sys.executable).parent}:{os.defpath}", "HOME": str(folder)}


def test_readme_when_followed_from_top_to_bottom_works(folder: Path, account: Mapping[str, str]) -> None:
    """In order and in the folder that the README is in by then."""
    directory, run = folder, []
    for command in COMMANDS:
        words = shlex.split(command)
        if words[0] == "cd":
            directory = directory / words[1]
        elif words[0] == "cp" or (words[0] == "headrace" and words[1] not in LONG):
            words += ["--yes"] if words[1] in ASKING else []
            status, output = followed(words, directory, account)
            assert status == 0, f"{command}\n{output}"
            run.append(words[1])
    assert {"preview", "load", "check", "deploy"} <= set(run)


def followed(words: list[str], directory: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """Status and output of a command."""
    both: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
    done = subprocess.run(words, cwd=directory, env=dict(environment), text=True, check=False, timeout=TIMEOUT_S, **both)
    return done.returncode, done.stdout
