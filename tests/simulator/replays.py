"""Somebody who has what ended too early go on, now and then, in the same world: the command dies too, and hears no answers."""

from __future__ import annotations

from headrace.errors import HeadraceError
from headrace.events.own import task_body
from headrace.ledger.ledger import Ledger
from headrace.ledger.reopen import REOPENED, reopen
from headrace.ports import Task
from simulator.checks import ORDERED
from simulator.function import Gate
from simulator.ledger_table import SimulatedLedger
from simulator.timeline import Process
from simulator.world import World

TIMEOUT_S = 600.0
"""Nobody waits longer for a command."""


def replay(world: World) -> None:
    """Start the command for one object of several chunks that FAILED or is PARTIAL, as far as there is one."""
    gate = Gate(world)
    items = [item for (_, kind), item in world.ledger.items.items() if kind == "meta" and item["state"] in REOPENED and item["chunks"] > 1]
    ended = [item["id"] for item in items if not (item["is_partial"] and item["route"] in ORDERED)]  # of these the command has all loaded again
    if not ended:
        return
    generation = world.chance.choice(ended)

    def work(process: Process) -> None:
        gate.process = process
        store = SimulatedLedger(world.clock, gate, world.ledger)
        try:
            if reopen(store, generation):
                for chunk in Ledger(store).chunks(generation):
                    if chunk.state != "DONE":
                        gate.enter("sqs.SendMessage")
                        world.queues[world.config.chunks_queue].send(task_body(Task(generation, chunk.number)), depth=1)
        except HeadraceError as error:
            world.tell(process.name, f"raised {error!r}")

    world.timeline.start(Process(world.new_id("replay"), work, world.timeline.now + TIMEOUT_S))
