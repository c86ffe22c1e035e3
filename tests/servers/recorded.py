"""A fault proxy that keeps a log of the calls."""

from __future__ import annotations

from headrace.local.fault_exchange import Call, Exchange
from headrace.local.fault_proxy import FaultProxy, Rule


class RecordedProxy(FaultProxy):
    """``calls`` are all calls since the start, in the order of arrival."""

    def __init__(self, upstream: str, *rules: Rule) -> None:
        super().__init__(upstream, *rules)
        self.calls: list[Call] = []

    def handle(self, exchange: Exchange) -> None:
        """See FaultProxy."""
        self.calls.append(exchange.call)
        super().handle(exchange)

    def operations(self) -> list[str]:
        """The operations called, in the order of arrival."""
        return [call.operation for call in self.calls]
