"""The sweeper, run on a schedule in the same world: it too is killed, and hears no answers."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.account.sweep_report import Swept
from headrace.errors import HeadraceError
from headrace.ledger.ledger import Ledger
from headrace.ledger.upkeep import Upkeep
from headrace.sweeper import Sources, Sweeper
from simulator.bucket import SimulatedListing
from simulator.function import Gate, MachineClock
from simulator.ledger_table import SimulatedLedger
from simulator.timeline import Process
from simulator.world import World

TIMEOUT_S = 300.0
EVERY_S = 1000.0
ROUND_S = 90_000.0
"""Longer than a message stays away, and than until all objects are looked at again."""
ROUNDS_MAX = 12


def sweep(world: World) -> list[Swept]:
    """Start one run of the sweeper; what it tells is in the list when it is over."""
    gate, told = Gate(world), list[Swept]()

    def work(process: Process) -> None:
        gate.process = process
        clock, store = MachineClock(gate), SimulatedLedger(world.clock, gate, world.ledger)
        sweeper = Sweeper(world.config, Sources(SimulatedListing(gate), Ledger(store), Upkeep(store), SimulatedQueues(gate), clock))
        try:
            sweeper.run(clock.monotonic() + TIMEOUT_S - 20, told.append)
        except HeadraceError as error:
            world.tell(process.name, f"raised {error!r}")
        world.tell(process.name, f"swept {told}")

    world.timeline.start(Process(world.new_id("sweep"), work, world.timeline.now + TIMEOUT_S))
    return told


def sweep_until_quiet(world: World) -> bool:
    """Sweep until two passes find nothing: the first may have begun long ago. False if that does not end."""
    quiet = 0
    for _ in range(ROUNDS_MAX):
        told: list[list[Swept]] = []
        world.timeline.at(world.timeline.now + ROUND_S, lambda told=told: told.append(sweep(world)))  # type: ignore[misc]
        if not world.timeline.run():
            return False
        ((swept,),) = told
        is_quiet = swept.is_pass_over and not (swept.found or swept.revived or swept.finished or swept.error)
        quiet = quiet + 1 if is_quiet else 0
        if quiet == 2:
            return True
    world.watch.violated("ends", f"sweeps find something for ever: {swept}")
    return True


class SimulatedQueues:
    """Where the sweeper sends to."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def send_found(self, bodies: Sequence[str]) -> None:
        self._send(self._gate.world.config.events_queue, bodies)

    def send_tasks(self, bodies: Sequence[str]) -> None:
        self._send(self._gate.world.config.chunks_queue, bodies)

    def _send(self, queue: str, bodies: Sequence[str]) -> None:
        world = self._gate.world
        for body in bodies:
            self._gate.enter("sqs.SendMessage")
            world.queues[queue].send(body, depth=1)
            self._gate.leave("sqs.SendMessage")
