"""package, diff, deploy and destroy on the embedded AWS."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from cli.conftest import client
from cli.program import Run
from headrace.cli import deploy as deploy_command
from headrace.errors import ServiceError
from headrace.local.emulator import EmbeddedAws

CONFIG = """\
name: cli-stack
source: {bucket: cli-stack-incoming}
tables:
  stack-orders: {key: {id: number}}
routes:
  - {name: orders, match: "in/orders/a-*.csv", format: csv, table: stack-orders, columns: {id: number}}
"""
DATA = ["cli-stack-incoming", "cli-stack-incoming-rejects", "cli-stack-ledger", "stack-orders"]


@pytest.fixture
def project(folder: Path) -> Path:
    (folder / "headrace.yaml").write_text(CONFIG)
    return folder


def test_package_writes_zip_and_templates_without_aws(run: Run, project: Path) -> None:
    """Three files, and the commands that deploy them without headrace."""
    ran = run("package", "-o", "out/files")
    assert ran.code == 0
    digest = hashlib.sha256((project / "out/files/function.zip").read_bytes()).hexdigest()
    assert f"sha256 {digest}" in ran.out
    assert f"CodeKey=cli-stack/{digest}.zip" in ran.out
    assert "headrace.json" in zipfile.ZipFile(project / "out/files/function.zip").namelist()
    assert json.loads((project / "out/files/template.json").read_text())["Resources"]
    document = run("package", "-o", "out/files", "--json").document
    assert (document["sha256"], document["stack"]) == (digest, "cli-stack")


@pytest.mark.parametrize("out", ["headrace.yaml", "headrace.yaml/below"])
def test_package_into_what_is_no_folder_exits_2(run: Run, project: Path, out: str) -> None:
    """A wrong folder is a wrong usage, and overwrites nothing."""
    assert run("package", "-o", out).code == 2
    assert (project / "headrace.yaml").read_text() == CONFIG


def test_package_when_a_transform_is_missing_fails(run: Run, project: Path) -> None:
    """What is wrong with the package is said in one sentence."""
    (project / "headrace.yaml").write_text(CONFIG.replace("format: csv", 'format: csv, transform: "nowhere:found"'))
    ran = run("package")
    assert (ran.code, "(TRANSFORM_MISSING)" in ran.err) == (1, True)


@pytest.mark.parametrize("command", ["package", "diff", "deploy", "destroy"])
def test_commands_of_the_stack_without_a_config_exit_2(run: Run, folder: Path, command: str) -> None:
    """There is no stack without a config."""
    ran = run(command)
    assert ran.code == 2
    assert f"no headrace.yaml in {folder} or above" in ran.err


@pytest.mark.parametrize("command", ["deploy", "destroy"])
def test_commands_that_ask_need_yes_in_a_pipe(run: Run, project: Path, command: str) -> None:
    """Where nobody can answer, nothing is asked and nothing is done."""
    ran = run(command)
    assert (ran.code, ran.out) == (2, "")
    assert "next: add --yes" in ran.err


def test_stack_from_its_first_to_its_last_command(run: Run, project: Path, aws: EmbeddedAws) -> None:
    """diff, deploy, deploy again, destroy, deploy onto the kept data, destroy with the data."""
    assert "Add\tFunction\tAWS::Lambda::Function" in run("diff").out
    first = run("deploy", "--yes")
    assert first.code == 0
    assert "stack cli-stack: created" in first.out
    assert "SourceBucket\tcli-stack-incoming" in first.out
    assert "aws s3 cp FILE s3://cli-stack-incoming/in/orders/  (route orders: in/orders/a-*.csv)" in first.out
    assert "CREATE_COMPLETE  Function  AWS::Lambda::Function" in first.err
    assert "stack cli-stack: nothing to change" in run("diff").out
    assert run("diff", "--json").document == {"stack": "cli-stack", "changes": []}

    again = run("deploy", "--yes", "--json").document
    assert (again["created"], again["changes"]) == (False, [])
    assert {gap["property"] for gap in again["gaps"]} == {
        "PolicyDocument.TlsOnly",  # over plain HTTP it would shut everybody out
        *("Policies.load.SendChunks", "Policies.sweep.SendChunks", "Policies.sweep.TellOfObjects"),  # the emulator asks for more than AWS
    }

    assert run("destroy", "--yes", "--json").document == {"stack": "cli-stack", "deleted": [], "retained": ["stack-orders", "cli-stack-ledger", *DATA[:2]]}
    assert run("deploy", "--yes").code == 0
    gone = run("destroy", "--yes", "--delete-data")
    assert sorted(line.rpartition(" ")[2] for line in gone.out.splitlines() if line.startswith("deleted")) == DATA
    assert "kept" not in gone.out
    assert [bucket["Name"] for bucket in client(aws, "s3").list_buckets()["Buckets"] if bucket["Name"].startswith("cli-stack")] == []


def test_queues_that_hold_messages_go_with_consent_only(run: Run, project: Path, aws: EmbeddedAws) -> None:
    """A change of the trigger takes queues away, and so does destroy; what nobody has loaded yet is not lost by a --yes."""
    assert run("deploy", "--yes").code == 0
    sqs = client(aws, "sqs")
    mappings = client(aws, "lambda").list_event_source_mappings(FunctionName="cli-stack-loader")["EventSourceMappings"]
    for mapping in mappings:
        client(aws, "lambda").update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="cli-stack-chunks")["QueueUrl"], MessageBody="work")
    (project / "headrace.yaml").write_text(CONFIG.replace("{bucket: cli-stack-incoming}", "{bucket: cli-stack-incoming, trigger: direct}"))
    refused = run("deploy", "--yes")
    assert (refused.code, "cli-stack-chunks (1 message)" in refused.err, "--delete-messages" in refused.err) == (1, True, True)
    (project / "headrace.yaml").write_text(CONFIG)
    refused = run("destroy", "--yes", "--json")
    assert (refused.code, refused.document["error"]) == (1, "MESSAGES_WAITING")
    assert sqs.get_queue_url(QueueName="cli-stack-chunks")["QueueUrl"]
    assert run("destroy", "--yes", "--delete-messages").code == 0
    assert run("destroy", "--yes", "--delete-data").code == 0


def test_deploy_when_it_fails_says_what_failed(run: Run, project: Path, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cause, on stderr and as JSON, with exit code 1."""

    def failing(*_arguments: object, **_more: object) -> None:
        raise ServiceError("STACK_FAILED", "stack cli-stack ended as ROLLBACK_COMPLETE: Queue: no", hint="correct the cause")

    monkeypatch.setattr(deploy_command, "deploy_stack", failing)
    assert "error: stack cli-stack ended as ROLLBACK_COMPLETE: Queue: no (STACK_FAILED)" in run("deploy", "--yes").err
    ran = run("deploy", "--yes", "--json")
    assert (ran.code, ran.document["error"]) == (1, "STACK_FAILED")
