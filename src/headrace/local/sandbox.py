"""One Lambda execution environment: one process that runs one function, one invocation after the other."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from headrace.local.child import Child, Command
from headrace.local.function_spec import FunctionSpec, environment
from headrace.local.output_pipes import OutputPipe
from headrace.local.report import Report, end_lines, start_lines, timestamp
from headrace.local.runtime import LambdaRuntime
from headrace.local.runtime_api import PAYLOAD_BYTES_MAX, Invocation, Message, RuntimeApi

INIT_S_MAX = 10.0  # https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib, 2026-11-22
LOOK_EVERY_S = 0.005
SETTLE_S_MAX = 0.25
DRAIN_READS_MAX = 1000
IS_MEMORY_ENFORCED = sys.platform == "linux"


class SandboxLog(Protocol):
    """Where a sandbox's log events go. ``stream`` names it."""

    stream: str

    def write(self, request_id: str, text: str) -> None:
        """Take one log event; those of initialisation come under the first request."""
        ...

    def flush(self) -> None:
        """No more will come soon."""
        ...


@dataclass(frozen=True)
class Outcome:
    """How an invocation ended: the JSON of the function's answer, or of its error."""

    body: bytes
    report: Report

    @property
    def is_error(self) -> bool:
        return self.report.error is not None


class _Dead(Exception):
    """The process cannot go on."""

    def __init__(self, error_type: str, reason: str) -> None:
        super().__init__(reason)
        self.error_type = error_type


class Sandbox:
    """Starts with the first ``invoke``; used by one thread at a time, except for ``kill``.

    The process sees ``spec``, the standard library of ``runtime`` and its own code, and nothing else of this machine's Python.
    The time limit is enforced with SIGKILL of the process's session; the memory limit, on Linux only, as soon as the process
    itself (not what it starts) has ever held more. ``directory`` is created for scratch files and removed by ``close``.
    """

    def __init__(self, spec: FunctionSpec, runtime: LambdaRuntime, directory: Path, log: SandboxLog) -> None:
        self.spec = spec
        self.log = log
        self._runtime = runtime
        self._directory = directory
        self._request_id = ""
        self._child: Child | None = None
        self._is_killed = False
        self._peak_mb: int | None = None

    @property
    def is_usable(self) -> bool:
        """Whether it can take another invocation."""
        return not self._is_killed and (self._child is None or self._child.exit_status() is None)

    def invoke(self, invocation: Invocation) -> Outcome:
        """Run the function on one event. Never raises for what the function does."""
        request_id = self._request_id = invocation.request_id
        init_ms, init_error = self._init() if self._child is None else (None, None)
        for line in start_lines(self.spec.log_format, request_id, self.spec.version):
            self._log(line)
        started_at, started = time.time(), time.monotonic()
        body, error = (b"", init_error) if init_error is not None else self._run(invocation)
        report = Report(
            function_name=self.spec.name,
            request_id=request_id,
            started_at=started_at,
            duration_ms=(time.monotonic() - started) * 1000,
            memory_mb=self.spec.memory_mb,
            peak_mb=self._peak_mb,
            init_ms=init_ms,
            log_stream=self.log.stream,
            error=error,
        )
        self._settle()
        for line in end_lines(self.spec.log_format, report):
            self._log(line)
        return Outcome(body if error is None else json.dumps(error).encode(), report)

    def kill(self) -> None:
        """End the process now; a running ``invoke`` answers with an error. May be called from any thread."""
        self._is_killed = True
        if self._child:
            self._child.kill()

    def close(self) -> None:
        """End the process, pass on its last words and remove its files."""
        self.kill()
        if self._child:
            self._drain()
            self._release()
            self._child = None
        self.log.flush()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _init(self) -> tuple[float, dict[str, object] | None]:
        started = time.monotonic()
        self._start()
        try:
            message = self._next_message(started + max(INIT_S_MAX, self.spec.timeout_s), ("idle", "init_error"))
        except _Dead as dead:
            return (time.monotonic() - started) * 1000, self._failure(dead)
        if message.kind == "init_error":
            self._is_killed = True
            return (time.monotonic() - started) * 1000, json.loads(message.body)
        return (time.monotonic() - started) * 1000, None

    def _start(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        self._api = RuntimeApi()
        self._pipes = (OutputPipe(self._log, is_framed=True), OutputPipe(self._log, is_framed=False))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._api.descriptor, selectors.EVENT_READ)
        for pipe in self._pipes:
            self._selector.register(pipe.descriptor, selectors.EVENT_READ, pipe)
        framed, plain = self._pipes
        variables = environment(self.spec, self._runtime, self._directory, self.log.stream)
        variables |= {"AWS_LAMBDA_RUNTIME_API": self._api.address, "_LAMBDA_TELEMETRY_LOG_FD": str(framed.child_end)}
        command = Command(
            self._runtime.python,
            self._runtime.module,
            arguments=(self.spec.handler,),
            flags=("-S", "-s"),  # no site-packages, neither the interpreter's nor the user's
            environment=variables,
            directory=self.spec.code,
            pass_descriptors=(framed.child_end,),
        )
        try:
            self._child = Child(command, plain.child_end)
        except BaseException:
            self._is_killed = True
            self._release()
            raise
        finally:
            for pipe in self._pipes:
                os.close(pipe.child_end)
        if self._is_killed:
            self._child.kill()

    def _release(self) -> None:
        self._api.close()
        self._selector.close()
        for pipe in self._pipes:
            pipe.close()

    def _run(self, invocation: Invocation) -> tuple[bytes, dict[str, object] | None]:
        if len(invocation.event) > PAYLOAD_BYTES_MAX:
            text = f"{len(invocation.event)} byte payload is too large for the function (limit {PAYLOAD_BYTES_MAX} bytes)"
            return b"", self._error("RequestEntityTooLarge", text)
        deadline = time.monotonic() + self.spec.timeout_s
        self._api.offer(invocation, self.spec.timeout_s)
        try:
            message = self._next_message(deadline, ("response", "error", "too_large"))
        except _Dead as dead:
            return b"", self._failure(dead)
        match message.kind:
            case "response":
                return message.body, None
            case "too_large":
                text = f"Response payload size exceeded maximum allowed payload size ({PAYLOAD_BYTES_MAX} bytes)."
                return b"", self._error("Function.ResponseSizeTooLarge", text)
            case _:
                return b"", json.loads(message.body)

    def _next_message(self, deadline: float, kinds: tuple[str, ...]) -> Message:
        """Wait for a message of ``kinds``, passing on output meanwhile. Raises _Dead."""
        while True:
            self._pump(LOOK_EVERY_S)
            self._check_memory()
            end = self._end()
            while message := self._api.take():  # after looking at the process: it answers before it ends
                if message.kind in kinds:
                    return message
            if end:
                raise _Dead("Runtime.ExitError", end)
            if time.monotonic() > deadline:
                raise _Dead("Sandbox.Timedout", f"Task timed out after {self.spec.timeout_s:.2f} seconds")

    def _check_memory(self) -> None:
        peak_mb = _peak_mb(self._child.pid) if self._child else None
        self._peak_mb = peak_mb if peak_mb is not None else self._peak_mb
        if self._peak_mb and self._peak_mb > self.spec.memory_mb:
            raise _Dead("Runtime.OutOfMemory", "Runtime exited with error: signal: killed")

    def _end(self) -> str | None:
        """How the process ended, in Lambda's words, or None while it runs."""
        status = self._child.exit_status() if self._child else None
        if status is None:
            return None
        if status == 0:
            return "Runtime exited without providing a reason"
        name = "killed" if status == -signal.SIGKILL else signal.Signals(-status).name if status < 0 else ""
        return f"Runtime exited with error: signal: {name}" if name else f"Runtime exited with error: exit status {status}"

    def _failure(self, dead: _Dead) -> dict[str, object]:
        self.kill()
        self._drain()
        message = f"RequestId: {self._request_id} Error: {dead}"
        is_timeout = dead.error_type == "Sandbox.Timedout"
        self._log(f"{timestamp()} {self._request_id} {dead}" if is_timeout else f"{message}\n{dead.error_type}")
        return self._error(dead.error_type, message)

    def _error(self, error_type: str, message: str) -> dict[str, object]:
        return {"errorType": error_type, "errorMessage": message, "requestId": self._request_id}

    def _settle(self) -> None:
        """After an answer, wait until the process asks for the next event: then everything it logged has been written."""
        try:
            if self.is_usable:
                self._next_message(time.monotonic() + SETTLE_S_MAX, ("idle",))
        except _Dead as dead:
            if dead.error_type != "Sandbox.Timedout":
                self.kill()
        self._drain()

    def _pump(self, timeout_s: float) -> None:
        for key, _ in self._selector.select(timeout_s):
            if key.data and not key.data.pump():
                self._selector.unregister(key.fileobj)  # closed by the process

    def _drain(self) -> None:
        for pipe in self._pipes:
            for _ in range(DRAIN_READS_MAX):
                if not pipe.pump():
                    break

    def _log(self, text: str) -> None:
        if text:
            self.log.write(self._request_id, text)


def _peak_mb(pid: int) -> int | None:
    """The most memory that the process has held so far, in MiB rounded up; None once it has ended, and where /proc is missing."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return -(-int(line.split()[1]) // 1024)
    return None
