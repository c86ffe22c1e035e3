"""Lambda: sandboxes that run the handler as it is, one message each, until it answers, is killed, or its time is over."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any, NamedTuple

from headrace.handler import Function
from simulator.timeline import EPOCH, Killed, Process

if TYPE_CHECKING:
    from simulator.queues import Delivery
    from simulator.world import World

ACCOUNT = "111122223333"
FUNCTION_ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:headrace-loader"
OVERTIME_S = 0.3
"""Lambda ends a function up to so long after its time is over."""


class KillPoint(NamedTuple):
    """Kill the function at the ``number``-th call of the run (0-based), before or after it takes effect."""

    number: int
    is_after: bool


class Gate:
    """Every call of a sandbox to the outside passes here twice: it takes time, and it may be the last."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.process: Process | None = None
        self.delivery: Delivery | None = None
        self.lag_s = world.chance.choice((0.0, 0.5, 3.0))
        self._number = 0

    @property
    def running(self) -> Process:
        """The invocation that is under way. Raises Killed where there is none any more."""
        if self.process is None or not self.process.is_alive:
            raise Killed
        return self.process

    def enter(self, operation: str, *, is_instant: bool = False) -> None:
        """Before the call takes effect. Raises Killed."""
        world, process = self.world, self.running
        self._number = world.count_call(operation)
        world.tell(process.name, operation)
        self._perhaps_die("function.killed_before", KillPoint(self._number, False))
        if not is_instant:
            world.timeline.wait(process, world.latency_s())
        if world.faults.hit("function.stalled"):
            world.timeline.wait(process, world.chance.uniform(1.0, 1.5 * world.config.function.timeout_s))

    def leave(self, operation: str) -> None:
        """After it took effect. Raises Killed."""
        self._perhaps_die("function.killed_after", KillPoint(self._number, True))

    def wait(self, seconds: float) -> None:
        """Let time pass. Raises Killed."""
        self.world.timeline.wait(self.running, seconds)

    def _perhaps_die(self, kind: str, point: KillPoint) -> None:
        if self.world.kill == point or self.world.faults.hit(kind):
            self.world.tell(self.running.name, kind)
            self.running.is_killed = True
            raise Killed


class MachineClock:
    """The clock of one sandbox: its time of day may be wrong, and its monotonic time starts anywhere."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._skew_s = gate.world.chance.uniform(-300, 300) if gate.world.faults.hit("clock.skewed") else 0.0
        self._first_s = gate.world.chance.uniform(0, 1e6)

    def now(self) -> float:
        return EPOCH + self._gate.world.timeline.now + self._skew_s

    def monotonic(self) -> float:
        return self._gate.world.timeline.now + self._first_s

    def sleep(self, seconds: float) -> None:
        self._gate.wait(seconds)


class Context:
    """Lambda's context object, as far as the handler reads it."""

    invoked_function_arn = FUNCTION_ARN

    def __init__(self, request_id: str, world: World, until: float) -> None:
        self.aws_request_id = request_id
        self._world = world
        self._until = until

    def get_remaining_time_in_millis(self) -> int:
        return max(int((self._until - self._world.timeline.now) * 1000), 0)


class Sandbox:
    """One execution environment: cold at first, then warm until it is killed."""

    def __init__(self, world: World) -> None:
        self.gate = Gate(world)
        self._world = world
        clock = MachineClock(self.gate)
        self._function = Function(world.config, world.aws(self.gate), clock, world.logged)

    def run(self, delivery: Delivery, process: Process) -> None:
        """Handle one message and tell the queue how it ended."""
        world, gate = self._world, self.gate
        gate.process, gate.delivery = process, delivery
        until = world.timeline.now + world.config.function.timeout_s
        try:
            answer = self._function.answer(delivery.event(), Context(process.name, world, until))
            is_done = json.loads(json.dumps(answer)) == {"batchItemFailures": []}
        except Exception as error:  # Lambda's runtime reports it and the sandbox goes on
            world.tell(process.name, f"raised {error!r}")
            is_done = False
        gate.process = None
        world.tell(process.name, "done" if is_done else "again")
        world.sandboxes.append(self)
        delivery.queue.ended(delivery, is_done)


class Lambda:
    """At most ``concurrency`` invocations at once; what comes meanwhile waits in its queue."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._alive: list[Process] = []
        self._waiting: list[Delivery] = []
        self.invocations = 0

    def is_running(self, request_id: str | None) -> bool:
        return any(process.name == request_id and process.is_alive for process in self._alive)

    def offer(self, delivery: Delivery) -> None:
        """Run ``delivery`` as soon as there is room."""
        self._waiting.append(delivery)
        self._fill()

    def _fill(self) -> None:
        world = self._world
        while self._waiting and len(self._alive) < world.config.function.maximum_concurrency:
            delivery = self._waiting.pop(world.chance.randrange(len(self._waiting)))
            if delivery.receive():
                self._invoke(delivery)

    def _invoke(self, delivery: Delivery) -> None:
        world = self._world
        self.invocations += 1
        sandbox = _warm(world.sandboxes, world.chance) or Sandbox(world)
        dies_at = world.timeline.now + world.config.function.timeout_s + world.chance.uniform(0, OVERTIME_S)

        def work(process: Process) -> None:
            try:
                sandbox.run(delivery, process)
            finally:
                self._alive.remove(process)
                world.timeline.at(world.timeline.now, self._fill)

        process = Process(f"run-{self.invocations}", work, dies_at)
        world.tell(process.name, f"gets {delivery.message}")
        self._alive.append(process)
        world.timeline.start(process)


def _warm(sandboxes: list[Sandbox], chance: random.Random) -> Sandbox | None:
    """An environment that is there already, mostly."""
    return sandboxes.pop() if sandboxes and chance.random() < 0.8 else None


Answer = dict[str, Any]
