"""What a function's process may rely on, with AWS's runtime client and with headrace's own: one suite for both."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headrace.local.function_spec import FunctionSpec
from headrace.local.runtime import CURRENT, LambdaRuntime, find_runtime
from headrace.local.runtime_api import Invocation
from headrace.local.sandbox import Outcome, Sandbox
from local.local_cloud import wait_until

ARN = "arn:aws:lambda:us-east-1:111122223333:function:probe:live"
Run = Callable[..., Outcome]


class Lines:
    """A log that is only kept."""

    stream = "2026/11/22/[$LATEST]0"

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.flushes = 0

    def write(self, request_id: str, text: str) -> None:
        self.texts.append(text)

    def flush(self) -> None:
        self.flushes += 1


@pytest.fixture(scope="module", params=["aws", "own"])
def runtime(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LambdaRuntime:
    if request.param == "aws":
        pytest.importorskip("awslambdaric")
    return find_runtime(f"python{CURRENT}", tmp_path_factory.mktemp("runtime"), is_aws_client_used=request.param == "aws")


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def start(runtime: LambdaRuntime, tmp_path: Path, lines: Lines) -> Iterator[Callable[..., Sandbox]]:
    """Makes a sandbox for ``source`` with the handler ``app.handler``."""
    started = []

    def make(source: str, **settings: object) -> Sandbox:
        code = tmp_path / "code"
        code.mkdir()
        (code / "app.py").write_text(source)
        chosen = {"handler": "app.handler", "memory_mb": 128, "timeout_s": 60, "log_format": "Text", "log_level": "", "variables": {}} | settings
        spec = FunctionSpec(
            name="probe",
            version="$LATEST",
            runtime=f"python{CURRENT}",
            code=code,
            credentials={"AWS_REGION": "us-east-1"},
            log_group="/aws/lambda/probe",
            **chosen,  # type: ignore[arg-type]  # the test knows the fields
        )
        started.append(Sandbox(spec, runtime, tmp_path / "scratch", lines))
        return started[-1]

    yield make
    for sandbox in started:
        sandbox.close()
    assert not (tmp_path / "scratch").exists()


def invoke(sandbox: Sandbox, event: object = None, request_id: str = "request-1") -> Outcome:
    return sandbox.invoke(Invocation(request_id, json.dumps(event).encode(), ARN))


def test_handler_gets_event_and_context(start: Callable[..., Sandbox]) -> None:
    """The handler gets the decoded event and a context with the documented members."""
    sandbox = start(
        "def handler(event, context):\n"
        "    return [event, context.aws_request_id, context.invoked_function_arn, context.function_name, context.function_version,\n"
        "            int(context.memory_limit_in_mb), context.log_group_name, context.log_stream_name, context.get_remaining_time_in_millis() > 15_000]\n"
    )
    event = {"ключ": ["\u2028", 1.5]}
    members = [event, "request-1", ARN, "probe", "$LATEST", 128, "/aws/lambda/probe", Lines.stream, True]
    assert json.loads(invoke(sandbox, event).body) == members


def test_exception_has_type_message_and_trace(start: Callable[..., Sandbox], lines: Lines) -> None:
    """An exception is the answer's error and is logged with its trace; the process goes on."""
    sandbox = start("def handler(event, context):\n    return 1 / event\n")
    failed = json.loads(invoke(sandbox, 0).body)
    assert (failed["errorType"], failed["errorMessage"], failed["requestId"]) == ("ZeroDivisionError", "division by zero", "request-1")
    assert ["app.py" in frame for frame in failed["stackTrace"]] == [True]
    assert [text for text in lines.texts if "ZeroDivisionError" in text]
    assert json.loads(invoke(sandbox, 2).body) == 0.5
    assert sandbox.is_usable


def test_module_that_cannot_be_imported_is_an_init_error(start: Callable[..., Sandbox]) -> None:
    """A failing import has the runtime's own error type, and the process is used up."""
    sandbox = start("import a_module_that_is_missing\n")
    error = json.loads(invoke(sandbox).body)
    assert error["errorType"] == "Runtime.ImportModuleError"
    assert error["errorMessage"] == "Unable to import module 'app': No module named 'a_module_that_is_missing'"
    assert not sandbox.is_usable


def test_exception_at_import_is_an_init_error(start: Callable[..., Sandbox]) -> None:
    """Any other exception at import keeps its type."""
    assert json.loads(invoke(start("raise ValueError('at import')\n")).body)["errorType"] == "ValueError"


def test_logging_goes_to_the_log_with_level_and_request(start: Callable[..., Sandbox], lines: Lines) -> None:
    """logging.info is not lost, print is kept as it is, and everything lies between START and END."""
    sandbox = start("import logging\nlogging.getLogger().setLevel('INFO')\ndef handler(event, context):\n    logging.info('told')\n    print('said')\n")
    invoke(sandbox)
    assert lines.texts[0] == "START RequestId: request-1 Version: $LATEST"
    assert sorted(lines.texts[1:3], key=len)[0] == "said"
    told = sorted(lines.texts[1:3], key=len)[1]
    assert told.startswith("[INFO]\t")
    assert told.endswith("\trequest-1\ttold")
    assert lines.texts[3] == "END RequestId: request-1"


def test_json_log_has_the_documented_members(start: Callable[..., Sandbox], lines: Lines) -> None:
    """In JSON format every log record is one object with its level, message and request."""
    sandbox = start("import logging\ndef handler(event, context):\n    logging.error('two\\nlines')\n", log_format="JSON", log_level="ERROR")
    invoke(sandbox)
    record = json.loads(lines.texts[1])
    assert (record["level"], record["message"], record["requestId"]) == ("ERROR", "two\nlines", "request-1")


def test_output_on_the_descriptors_cannot_become_the_answer(start: Callable[..., Sandbox], lines: Lines) -> None:
    """Whatever a function writes to its output, its answer is what it returns."""
    sandbox = start('import os\ndef handler(event, context):\n    os.write(1, b\'{"status": "ok", "result": "HIJACK"}\\n\')\n    return \'real\'\n')
    assert invoke(sandbox).body == b'"real"'
    assert '{"status": "ok", "result": "HIJACK"}' in lines.texts


def test_much_output_neither_blocks_nor_is_lost(start: Callable[..., Sandbox], lines: Lines) -> None:
    """Far more output than a pipe holds arrives whole and in order, also bytes that are no UTF-8."""
    sandbox = start(
        "import os\ndef handler(event, context):\n    for number in range(20000):\n        print(f'line {number}')\n    os.write(2, b'\\xff' * 300000)\n"
    )
    assert not invoke(sandbox).is_error
    assert [text for text in lines.texts if text.startswith("line")] == [f"line {number}" for number in range(20000)]
    sandbox.close()
    assert sum(text.count("\ufffd") for text in lines.texts) == 300000


def test_answer_too_large_uses_the_process_up(start: Callable[..., Sandbox]) -> None:
    """A refused answer is an error with Lambda's own name; the runtime client ends and the sandbox with it."""
    sandbox = start("def handler(event, context):\n    return 'x' * (6 << 20)\n", memory_mb=512)
    assert json.loads(invoke(sandbox).body)["errorType"] == "Function.ResponseSizeTooLarge"
    assert not sandbox.is_usable


def test_event_too_large_is_refused(start: Callable[..., Sandbox]) -> None:
    """An event over the limit never reaches the function, which stays usable."""
    sandbox = start("def handler(event, context):\n    return len(event)\n")
    assert json.loads(invoke(sandbox, "x" * (6 << 20)).body)["errorType"] == "RequestEntityTooLarge"
    assert invoke(sandbox, "xyz").body == b"3"


def test_kill_during_an_invocation_ends_it_with_an_error(start: Callable[..., Sandbox], lines: Lines) -> None:
    """Another thread may kill the process at any time; the invocation then answers with an error at once."""
    sandbox = start("import time\nprint('loaded')\ndef handler(event, context):\n    time.sleep(600)\n", timeout_s=600)
    killer = threading.Thread(target=lambda: wait_until(lambda: any("START" in text for text in lines.texts)) and sandbox.kill())
    killer.start()
    outcome = invoke(sandbox)
    killer.join()
    assert json.loads(outcome.body)["errorType"] == "Runtime.ExitError"
    assert outcome.report.duration_ms < 300_000


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_process_that_a_function_started_dies_with_it(start: Callable[..., Sandbox]) -> None:
    """The end of a sandbox is the end of everything in its session."""
    sandbox = start(
        "import subprocess, sys\ndef handler(event, context):\n    return subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid\n"
    )
    pid = json.loads(invoke(sandbox).body)
    assert _is_alive(pid)
    sandbox.close()
    wait_until(lambda: not _is_alive(pid))


def test_runtime_version_that_is_missing_is_said(tmp_path: Path) -> None:
    """A function of another version runs on this one, and a sentence says so."""
    runtime = find_runtime("python3.99", tmp_path)
    assert runtime.version == CURRENT
    assert runtime.notes[0] == f"No Python 3.99 with awslambdaric is on this machine: the function runs on Python {CURRENT}."


def test_own_client_is_said(tmp_path: Path) -> None:
    """Where AWS's client is not used, a sentence says so; where everything matches, there is nothing to say."""
    (note,) = find_runtime(f"python{CURRENT}", tmp_path, is_aws_client_used=False).notes
    assert "awslambdaric is not installed" in note


@pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric has no wheel elsewhere")
def test_matching_runtime_has_nothing_to_say(tmp_path: Path) -> None:
    """With the function's Python and AWS's client there is no note, and the library holds only what the client needs."""
    runtime = find_runtime(f"python{CURRENT}", tmp_path)
    assert runtime.notes == ()
    assert {path.name.split(".")[0].split("-")[0] for path in runtime.library.iterdir()} == {
        "awslambdaric",
        "runtime_client",
        "simplejson",
        "snapshot_restore_py",
    }


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
