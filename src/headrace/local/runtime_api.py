"""The Lambda Runtime API for one function process.

What the process asks for and answers follows https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html (2026-11-22).
"""

from __future__ import annotations

import json
import queue
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from headrace.local.http_server import Handler, Server

PAYLOAD_BYTES_MAX = 6 * 1024 * 1024  # of an event and of an answer; https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, 2026-11-22
ROOT = "/2018-06-01/runtime/"
Kind: TypeAlias = Literal["idle", "response", "error", "init_error", "too_large"]


@dataclass(frozen=True)
class Invocation:
    """One event (JSON) for the function; ``function_arn`` is the one that was called, with alias or version if any."""

    request_id: str
    event: bytes
    function_arn: str
    trace_id: str = ""


class Message(NamedTuple):
    """What the process said. ``idle``: it asks for the next event; the others carry its JSON."""

    kind: Kind
    body: bytes


class RuntimeApi:
    """Serves one process on ``address``. ``descriptor`` is readable while there is a message to ``take``."""

    def __init__(self) -> None:
        self.descriptor, self._wake = socket.socketpair()
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._invocations: queue.SimpleQueue[tuple[Invocation, int] | None] = queue.SimpleQueue()
        self._request_id = ""
        self._server = Server(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True  # they wait for requests of a process that is dead when they are no longer needed
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def take(self) -> Message | None:
        """The next message of the process, or None."""
        try:
            message = self._messages.get_nowait()
        except queue.Empty:
            return None
        self.descriptor.recv(1)
        return message

    def offer(self, invocation: Invocation, timeout_s: float) -> None:
        """Give the process its next event, and from now on ``timeout_s`` seconds."""
        self._request_id = invocation.request_id
        self._invocations.put((invocation, int((time.time() + timeout_s) * 1000)))

    def close(self) -> None:
        """Stop serving; the process must be dead."""
        self._invocations.put(None)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self.descriptor.close()
        self._wake.close()

    def _say(self, kind: Kind, body: bytes = b"") -> None:
        self._messages.put(Message(kind, body))
        with suppress(OSError):  # closed meanwhile: nobody listens any more
            self._wake.send(b"m")

    def _handler(self) -> type[Handler]:
        api = self

        class RuntimeHandler(Handler):
            def do_GET(self) -> None:
                if self.path != ROOT + "invocation/next":
                    return self.reply(404)
                api._say("idle")
                offered = api._invocations.get()
                if offered is None:
                    self.close_connection = True
                    return None
                invocation, deadline_ms = offered
                headers = {
                    "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
                    "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
                    "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
                } | ({"Lambda-Runtime-Trace-Id": invocation.trace_id} if invocation.trace_id else {})
                return self.reply(200, invocation.event, headers)

            def do_POST(self) -> None:
                self.reply(*api._accept(self.path.removeprefix(ROOT).split("/"), self.body()))

        return RuntimeHandler

    def _accept(self, path: list[str], body: bytes) -> tuple[int, bytes]:
        match path:
            case ["init", "error"]:
                self._say("init_error", body)
            case ["invocation", request_id, "response" | "error"] if request_id != self._request_id:
                return 400, b'{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}'
            case ["invocation", _, "response"] if len(body) > PAYLOAD_BYTES_MAX:
                self._say("too_large", json.dumps(len(body)).encode())
                return 413, b'{"errorMessage":"Exceeded maximum allowed payload size","errorType":"RequestEntityTooLarge"}'
            case ["invocation", _, "response"]:
                self._say("response", body)
            case ["invocation", _, "error"]:
                self._say("error", body)
            case _:
                return 404, b"{}"
        return 202, b'{"status":"OK"}'
