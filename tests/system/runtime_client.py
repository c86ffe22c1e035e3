"""AWS's own Lambda runtime client for Python with the built zip, driven by a Runtime API of forty lines. Shares no code with headrace.local."""

from __future__ import annotations

import itertools
import json
import os
import queue
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TIMEOUT_S = 60
ARN = "arn:aws:lambda:us-east-1:111122223333:function:second"


class RuntimeApi(ThreadingHTTPServer):
    """https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html (2026-11). One event at a time."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.events: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        self.answers: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._numbers = itertools.count(1)

    def invoke(self, event: object) -> tuple[str, Any]:
        """``response`` or ``error``, and its JSON."""
        self.events.put((f"request-{next(self._numbers)}", json.dumps(event).encode()))
        return self.answers.get(timeout=TIMEOUT_S)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: RuntimeApi

    def do_GET(self) -> None:
        request_id, event = self.server.events.get()
        deadline = str(int((time.time() + TIMEOUT_S) * 1000))
        names = {"Request-Id": request_id, "Deadline-Ms": deadline, "Invoked-Function-Arn": ARN}
        self._reply(200, event, {f"Lambda-Runtime-{'Aws-' if name == 'Request-Id' else ''}{name}": value for name, value in names.items()})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._reply(202, b"{}", {})
        self.server.answers.put((self.path.rpartition("/")[2], json.loads(body)))

    def _reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body)), "Content-Type": "application/json"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


class RunningFunction:
    """``log`` is a file with everything that the process has printed."""

    def __init__(self, api: RuntimeApi, log: Path) -> None:
        self.invoke = api.invoke
        self._log = log

    def reports(self) -> list[dict[str, Any]]:
        """The lines of JSON in the log."""
        return [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]

    def text(self) -> str:
        return self._log.read_text()


@contextmanager
def function(zip_file: Path, directory: Path, variables: Mapping[str, str]) -> Iterator[RunningFunction]:
    """The zip's handler under awslambdaric until the end of the block. ``directory`` is empty and gets the code and the log."""
    code, log = directory / "code", directory / "log"
    with zipfile.ZipFile(zip_file) as content:
        content.extractall(code)
    api = RuntimeApi()
    threading.Thread(target=api.serve_forever, daemon=True).start()
    own = {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}", "PYTHONPATH": str(code), "PATH": os.defpath, "HOME": str(directory)}
    own |= {"AWS_LAMBDA_FUNCTION_NAME": "second", "AWS_EC2_METADATA_DISABLED": "true", "PYTHONDONTWRITEBYTECODE": "1"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", "headrace.handler.handler"], cwd=code, env={**own, **variables}, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            yield RunningFunction(api, log)
        finally:
            process.kill()
            process.wait()
            api.shutdown()
            api.server_close()
