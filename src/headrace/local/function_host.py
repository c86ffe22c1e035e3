"""Runs the functions of the embedded AWS as Lambda does."""

from __future__ import annotations

import itertools
import json
import shutil
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

from headrace.errors import HeadraceError
from headrace.local.batch_answer import batch_answer_fault, sqs_source, without_null_list
from headrace.local.emulator import EmbeddedAws
from headrace.local.function_log import FunctionLog, remove_emulator_streams
from headrace.local.function_spec import FunctionSpec
from headrace.local.functions import Clients, Functions
from headrace.local.invocation_server import Answer, InvocationServer, Request
from headrace.local.metrics import Metrics
from headrace.local.report import Report
from headrace.local.runtime import LambdaRuntime, find_runtime
from headrace.local.sandbox import IS_MEMORY_ENFORCED, Outcome, Sandbox
from headrace.local.sandbox_pool import SandboxPool

INVOCATIONS_MAX = 64
REPORTS_KEPT = 1000
SENTENCES_MAX = 1000
HOUSEKEEPING_EVERY_S = 0.5
NOTES = () if IS_MEMORY_ENFORCED else ("The memory size of functions is not enforced on this system: only Linux tells what a process holds.",)


class FunctionHost:
    """Runs the functions that ``aws`` was started with, from entering to leaving; leave it before ``aws``.

    Each concurrent invocation has a process of its own, at most ``sandboxes_max``, kept warm between invocations. A changed function
    is noticed at its next invocation. ``on_log`` gets (function name, request id, text) of each log event as it comes; ``on_problem``
    gets each sentence about something that goes wrong or differs from AWS once. Both are called from several threads. ``endpoint_url`` is
    where the functions find AWS, if not at ``aws`` itself.
    """

    def __init__(
        self,
        aws: EmbeddedAws,
        clients: Clients,
        *,
        on_log: Callable[[str, str, str], None] = lambda _name, _request_id, _text: None,
        on_problem: Callable[[str], None] = lambda _sentence: None,
        sandboxes_max: int = 10,
        endpoint_url: str = "",
    ) -> None:
        self._aws = aws
        self._endpoint_url = endpoint_url or aws.endpoint_url
        self._clients = clients
        self._on_log = on_log
        self._on_problem = on_problem
        self._reports: deque[Report] = deque(maxlen=REPORTS_KEPT)
        self._told: set[str] = set()
        self._numbers = itertools.count(1)
        self._runtimes_lock = threading.Lock()
        self._runtimes: dict[str, LambdaRuntime] = {}
        self._role_logs = lru_cache(maxsize=16)(lambda credentials: clients("logs", dict(credentials)))
        self._pool = SandboxPool(sandboxes_max, self._make_sandbox)
        self._streams: set[str] = set()
        self._served: dict[str, set[str]] = {}
        self._housekept_at = self._active_at = 0.0

    def __enter__(self) -> FunctionHost:
        self._lambda, self._logs, sts, cloudwatch = map(self._clients, ("lambda", "logs", "sts", "cloudwatch"))
        self._metrics = Metrics(cloudwatch, self.tell)
        self._directory = Path(tempfile.mkdtemp(prefix="headrace-functions-"))
        place = {"AWS_ENDPOINT_URL": self._endpoint_url, "AWS_REGION": self._aws.region, "AWS_DEFAULT_REGION": self._aws.region}
        self._functions = Functions(self._lambda, sts, self._directory / "code", place)
        self._workers = ThreadPoolExecutor(INVOCATIONS_MAX, thread_name_prefix="headrace-function")
        self._server = InvocationServer(self._aws.function_listener, self._submit, tell=self.tell, tick=self._keep_house)
        self._server.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.stop_accepting()
        self._pool.close()
        self._workers.shutdown()
        self._server.server_close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def recent_reports(self) -> list[Report]:
        """The last invocations, oldest first."""
        return list(self._reports.copy())

    def _submit(self, request: Request) -> Future[Answer]:
        answer: Future[Answer] = Future()
        self._workers.submit(self._run, request, answer)
        return answer

    def _keep_house(self) -> None:
        if time.monotonic() > self._housekept_at + HOUSEKEEPING_EVERY_S:
            self._housekept_at = time.monotonic()
            self._workers.submit(self._pool.close_idle)
            if not self._pool.is_busy and time.monotonic() > self._active_at + HOUSEKEEPING_EVERY_S:
                self._workers.submit(self._remove_emulator_streams)

    def _run(self, request: Request, answer: Future[Answer]) -> None:
        try:
            spec = self._functions.spec(request.function_name, request.version)
            with self._pool.lend(spec) as sandbox:
                outcome = sandbox.invoke(request.invocation)
            self._active_at = time.monotonic()
            self._reports.append(outcome.report)
            event = json.loads(request.invocation.event)
            answer.set_result(self._batch_answer(request.function_name, event, outcome) if sqs_source(event) else _answer(outcome))
            self._served.setdefault(spec.log_group, set()).add(request.invocation.request_id)
            if _is_uncounted(event):
                self._metrics.count(outcome.report)
            self._metrics.flush()
            sandbox.log.flush()
        except Exception as error:  # whatever went wrong here, the caller gets an answer and the user a sentence
            code = error.code if isinstance(error, HeadraceError) else type(error).__name__
            self.tell(f"the local function host could not run {request.function_name}: {code}: {error}")
            if not answer.done():
                answer.set_result(_error(f"LocalHost.{code}", str(error)))

    def _batch_answer(self, function_name: str, event: object, outcome: Outcome) -> Answer:
        """The answer to a batch of messages: an error, which makes all of them come again, if Lambda would not understand it."""
        fault = None if outcome.is_error else batch_answer_fault(event, outcome.body)
        if fault:
            mappings = self._lambda.list_event_source_mappings(FunctionName=function_name, EventSourceArn=sqs_source(event))["EventSourceMappings"]
            if any("ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", ()) for mapping in mappings):
                self.tell(f"{function_name} answered a batch of messages wrongly, so all of them are retried: {fault}")
                return _error("BatchAnswerInvalid", fault)
        answer = _answer(outcome)
        return Answer(answer.is_error, without_null_list(answer.body))

    def _make_sandbox(self, spec: FunctionSpec) -> Sandbox:
        credentials = tuple(sorted(spec.credentials.items()))
        log = FunctionLog(spec, lambda: self._role_logs(credentials), metrics=self._metrics, on_log=self._on_log, tell=self.tell)
        self._streams.add(log.stream)
        return Sandbox(spec, self._runtime(spec.runtime), self._directory / f"sandbox-{next(self._numbers)}", log)

    def _runtime(self, name: str) -> LambdaRuntime:
        with self._runtimes_lock:
            if name not in self._runtimes:
                self._runtimes[name] = find_runtime(name, self._directory / "runtime")
                for note in (*self._runtimes[name].notes, *NOTES):
                    self.tell(note)
            return self._runtimes[name]

    def tell(self, sentence: str) -> None:
        """Give ``on_problem`` a sentence that it has not got yet."""
        if sentence not in self._told and len(self._told) < SENTENCES_MAX:
            self._told.add(sentence)
            self._on_problem(sentence)

    def _remove_emulator_streams(self) -> None:
        for log_group, request_ids in list(self._served.items()):
            if request_ids:
                try:
                    request_ids -= remove_emulator_streams(self._logs, log_group, set(request_ids), self._streams)
                except Exception as error:  # whatever the client raises: only the logs look worse
                    self.tell(f"log group {log_group} could not be tidied: {error}")


def _answer(outcome: Outcome) -> Answer:
    if outcome.report.error is None:
        return Answer(False, outcome.body)
    error_type = {"errorType": outcome.report.error.get("errorType")}  # first, because MiniStack cuts the rest
    return Answer(True, json.dumps(error_type | dict(outcome.report.error)).encode())


def _error(error_type: str, message: str) -> Answer:
    return Answer(True, json.dumps({"errorType": error_type, "errorMessage": message}).encode())


def _is_uncounted(event: Any) -> bool:
    """Whether the invocation came from an event source: MiniStack 1.5.33 counts only those through the Invoke call in AWS/Lambda."""
    match event:
        case {"Records": [{"eventSource": _} | {"EventSource": _}, *_]} | {"detail-type": _, "source": _}:
            return True
    return False
