"""The engines behind the contracts; each starts once per test process, when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from contracts.engines import Engine, Subject, dynalite_engine, ministack, names
from contracts.memory_table import MemoryTable
from contracts.virtual_clock import VirtualClock
from headrace.config.model import KeyType
from headrace.ports import ItemStore, SystemClock
from write.simulated_table import SimulatedTable

__all__ = ["dynalite_engine", "ministack"]  # fixtures


@pytest.fixture(params=["memory", "simulated", "ministack", "dynalite"])
def subject(request: pytest.FixtureRequest) -> Iterator[Callable[..., Subject]]:
    """Makes tables on one engine: ``subject(pk="string", sk="number")``."""
    stores: list[ItemStore] = []

    def make(**key: KeyType) -> Subject:
        if request.param in ("memory", "simulated"):
            table = MemoryTable(next(names), key) if request.param == "memory" else SimulatedTable(VirtualClock(), key, name=next(names))
            return Subject(table.name, table, lambda wanted: table.stored.get(table.key_of(wanted)), lambda: len(table.stored))
        server: Engine = request.getfixturevalue({"ministack": "ministack", "dynalite": "dynalite_engine"}[request.param])
        name = server.table(**key)
        stores.append(server.aws.table(name, SystemClock()))
        return Subject(name, stores[-1], lambda wanted: server.item(name, wanted), lambda: server.count(name))

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def gap(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """``gap("dynalite", reason)``: this engine is known to differ from AWS here, and the test must notice."""

    def mark(engine: str, reason: str) -> None:
        if request.node.callspec.params["subject"] in (engine, "simulated" if engine == "memory" else ""):  # which is built upon it
            request.applymarker(pytest.mark.xfail(strict=True, reason=reason))

    return mark
