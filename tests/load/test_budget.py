"""The budget of write units of a table, from the config to the writer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from contracts.virtual_clock import VirtualClock
from headrace.handler import Function
from headrace.load import Ports, load_object
from load.samples import REF, World, config_of
from write.simulated_table import SimulatedTable

CONTENT = b"id\n" + b"".join(b"%d\n" % number for number in range(1000))


@pytest.mark.parametrize(("budget", "share", "seconds"), [(None, 0.1, 1), (100, 1.0, 10), (1000, 0.1, 10), (100, 0.1, 100)])
def test_load_when_the_table_has_a_budget_keeps_to_its_share(budget: int | None, share: float, seconds: float) -> None:
    """The function shares the budget among its invocations; without one nothing slows a load down."""
    config = config_of()
    config = replace(config, tables={"orders": replace(config.tables["orders"], max_write_units_per_s=budget)})
    world = World(CONTENT, config)
    table = SimulatedTable(world.clock, config.tables["orders"].key)
    outcome = load_object(REF, config.routes[0], config, Ports(world.objects, lambda name: table, world.rejects, world.clock, share))
    assert (outcome.state, outcome.written) == ("LOADED", 1000)
    assert outcome.seconds <= 1 if budget is None else outcome.seconds == pytest.approx(seconds, rel=0.05)


def test_function_gives_each_invocation_its_share_of_the_budgets() -> None:
    """No more than maximum_concurrency run at once, with either trigger."""

    class Clients:
        def __getattr__(self, name: str) -> Any:
            return lambda *_: self

    config = config_of()
    config = replace(config, function=replace(config.function, maximum_concurrency=4))
    function = Function(config, Clients(), VirtualClock(), lambda line: None)  # type: ignore[arg-type]
    assert function._loader._at.ports.share == 0.25
