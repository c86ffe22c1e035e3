"""An HTTP proxy between AWS clients and a server that fails calls by rule.

    with FaultProxy(endpoint, Rule("dynamodb:BatchWriteItem", failing("ThrottlingException"), calls={1, 2})) as proxy:
        client = make_client(proxy.url)

Requests are forwarded with all their headers, so that signatures stay valid. A chunked request is forwarded with its length.
"""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from random import Random
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

from headrace.local.fault_exchange import Call, Connections, Exchange
from headrace.local.fault_server import FaultServer

Action = Callable[[Exchange], None]
"""Forwards a call or not, and answers or cuts it; what it did to it, if anything, it tells the exchange before it answers."""


@dataclass
class Rule:
    """``action`` for calls whose operation and path fit the patterns and whose body contains the text.

    Of those, counted from 1, only ``calls``, and each of them with the probability ``chance``. ``window_s`` is when, in seconds since the
    rules came into force.
    """

    operation: str
    action: Action
    calls: Container[int] | None = None
    path: str = "*"
    containing: bytes = b""
    window_s: tuple[float, float] = (0.0, math.inf)
    chance: float = 1.0
    random: Random = field(default_factory=Random)
    name: str = ""
    matched: int = field(default=0, init=False)
    injected: int = field(default=0, init=False)

    def takes(self, call: Call, age_s: float) -> int:
        """Count ``call`` if it matches; its number if the rule is for it, else 0."""
        fits = _fits(call.operation, self.operation) and _fits(unquote(urlsplit(call.path).path), self.path)
        if not fits or self.containing not in call.body or not self.window_s[0] <= age_s < self.window_s[1]:
            return 0
        self.matched += 1
        is_meant = self.calls is None or self.matched in self.calls
        return self.matched if is_meant and (self.chance >= 1 or self.random.random() < self.chance) else 0


@dataclass(frozen=True)
class Fault:
    """One call that was failed: ``at`` in seconds since the epoch, ``number`` its number among those that the rule matched."""

    at: float
    operation: str
    rule: str
    number: int
    what: str


class FaultProxy:
    """A proxy to ``upstream`` (``http://host:port``) on 127.0.0.1 for the length of a ``with`` block; ``port`` 0 is any free one.

    The first rule that takes a call decides; without one the call passes. ``rules`` may be changed at any time. ``on_fault`` gets each
    fault before its call is answered, from several threads. An error in an action is raised when the block ends.
    """

    def __init__(self, upstream: str, *rules: Rule, port: int = 0, on_fault: Callable[[Fault], None] = lambda _fault: None) -> None:
        self.rules = list(rules)
        self._connections = Connections(urlsplit(upstream).netloc)
        self._on_fault = on_fault
        self._since = time.monotonic()
        self._errors: list[BaseException] = []
        self._lock = threading.Lock()
        self._server = FaultServer(port, self._connections, self.handle, self._failed)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="headrace-fault-proxy")
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._connections.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._connections.shut()
        self._server.server_close()  # joins the threads of the connections
        if self._errors and error is None:
            raise self._errors[0]

    def inject(self, *rules: Rule) -> None:
        """Put ``rules`` into force in place of those before; their time begins now."""
        with self._lock:
            self.rules = list(rules)
            self._since = time.monotonic()

    def handle(self, exchange: Exchange) -> None:
        """Let the rules decide about a call."""
        with self._lock:
            age_s = time.monotonic() - self._since
            taken = [(rule, number) for rule in self.rules if (number := rule.takes(exchange.call, age_s))]
        if not taken:
            exchange.relay()
            return
        rule, number = taken[0]

        def tell(what: str) -> None:
            with self._lock:
                rule.injected += 1
            self._on_fault(Fault(time.time(), exchange.call.operation, rule.name, number, what))

        exchange.tell = tell
        rule.action(exchange)

    def _failed(self, error: BaseException) -> None:
        """Keep what an action raised; that a client or the server has gone is no error of ours."""
        if not isinstance(error, ConnectionError) and not self._connections.stopping.is_set():
            self._errors.append(error)


def _fits(text: str, pattern: str) -> bool:
    """``*`` is any text; brackets and question marks, which keys may have, are themselves."""
    return bool(re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL))
