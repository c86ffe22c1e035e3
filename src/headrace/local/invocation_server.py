"""MiniStack's invocations, which come over HTTP.

MiniStack 1.5.33 posts each event to the URL in MINISTACK_LAMBDA_PROXY_<function name>. An answer of HTTP 200 is the function's,
any other status makes the invocation fail: FunctionError for the caller, a retry for SQS and for asynchronous events. Of a failed
answer it keeps the first 512 bytes, inside an error message of its own.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from headrace.local.http_server import Handler, Server
from headrace.local.runtime_api import Invocation

FUNCTION_NAME, FUNCTION_ARN, FUNCTION_VERSION, REQUEST_ID, DEADLINE_MS = (
    f"X-Amzn-Lambda-{name}" for name in ("Function-Name", "Function-Arn", "Function-Version", "Request-Id", "Deadline-Ms")
)
ALIVE_SIGN_AFTER = 0.1  # of the time that MiniStack waits for one byte, the function's timeout


@dataclass(frozen=True)
class Request:
    """One invocation of one version of a function."""

    function_name: str
    version: str
    invocation: Invocation


@dataclass(frozen=True)
class Answer:
    """``body`` is JSON: the function's answer, or an error with errorType and errorMessage."""

    is_error: bool
    body: bytes


class InvocationServer(Server):
    """Passes what comes in on ``listener`` to ``run``, which returns at once, and answers when its future does.

    ``tell`` gets a sentence when MiniStack does not wait for an answer; ``tick`` is called about ten times a second.
    ``server_close`` waits for the answers that are under way.
    """

    daemon_threads = False

    def __init__(self, listener: socket.socket, run: Callable[[Request], Future[Answer]], *, tell: Callable[[str], None], tick: Callable[[], None]) -> None:
        super().__init__(listener.getsockname(), _InvocationHandler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.run = run
        self.tell = tell
        self._tick = tick
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop_accepting(self) -> None:
        self.shutdown()
        self._thread.join()

    def service_actions(self) -> None:
        self._tick()


class _InvocationHandler(Handler):
    server: InvocationServer

    def do_POST(self) -> None:
        headers = self.headers
        try:
            invocation = Invocation(headers[REQUEST_ID], self.body(), headers[FUNCTION_ARN], headers.get("X-Amzn-Trace-Id", ""))
            request = Request(headers[FUNCTION_NAME], headers[FUNCTION_VERSION], invocation)
            patience_s = max(0.1, (int(headers[DEADLINE_MS]) / 1000 - time.time()) * ALIVE_SIGN_AFTER)
        except (TypeError, ValueError) as error:
            return self.reply(400, json.dumps({"errorType": "LocalHost.BadRequest", "errorMessage": str(error)}).encode())
        try:
            answer = self._wait(self.server.run(request), patience_s)
            self.reply(500 if answer.is_error else 200, answer.body)
        except ConnectionError:
            self.server.tell(f"MiniStack did not wait for the answer of {request.function_name}; it will call again or count a failure")

    def _wait(self, answer: Future[Answer], patience_s: float) -> Answer:
        """The answer. Meanwhile an interim response now and then: else MiniStack would give up before the sandbox has started, or
        at the very moment when the sandbox finds that the function's time is over."""
        while True:
            try:
                return answer.result(patience_s)
            except TimeoutError:
                self.send_response_only(100)
                self.end_headers()
                self.wfile.flush()
