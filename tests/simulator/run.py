"""One run: a world from a seed, uploads and faults, then calm until nothing is left to do, then the checks."""

from __future__ import annotations

import functools
import random
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from headrace import cutting, load, verdicts
from headrace.split import plan
from simulator import uploads
from simulator.checks import check_end
from simulator.faults import Fault, Faults
from simulator.replays import replay
from simulator.sweeps import EVERY_S, sweep, sweep_until_quiet
from simulator.watch import Violation
from simulator.world import Scale, World

SIZES = (0, 1, 3, 10, 25, 60, 120)
REDRIVES = 2
SLOW_S = 0.1
"""A slower S3 is too slow for the tiniest pieces."""


@dataclass
class Result:
    """What a run was like."""

    seed: int
    violations: list[Violation]
    injected: list[Fault]
    states: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    invocations: int = 0
    trace: list[str] = field(default_factory=list)


def run(seed: int, *, only: Collection[Fault] | None = None, has_trace: bool = False) -> Result:
    """Run one seed; with ``only``, without all other faults."""
    chance = random.Random(f"run {seed}")
    scale = scale_of(chance)
    world = World(seed, scale, Faults(seed, only=only), has_trace=has_trace)
    with constants(scale):
        random.seed(seed)  # the product's own jitter
        _plan_uploads(world, chance)
        calm_at = chance.choice((300, 3600, 20_000))
        world.timeline.at(calm_at, lambda: _calm(world))
        for number in range(chance.choice((0, 0, 1, 5))):
            world.timeline.at(number * EVERY_S + chance.uniform(0, EVERY_S), lambda: sweep(world))
        for _ in range(chance.choice((0, 1, 6))):
            world.timeline.at(chance.uniform(0, 2 * calm_at), lambda: replay(world))
        is_quiet = settle(world)
    if not is_quiet:
        world.watch.violated("ends", f"not quiet after {len(world.calls)} calls")
    states = check_end(world) if is_quiet else Counter[str]()
    return Result(seed, world.watch.violations, world.faults.injected, states, len(world.calls), world.functions.invocations, world.trace or [])


def settle(world: World) -> bool:
    """Go on until nothing happens any more, also with what the queues gave up; False if that does not end."""
    try:
        is_quiet = world.timeline.run()
        world.faults.is_calm = True
        for _ in range(REDRIVES):
            for queue in world.queues.values():
                queue.redrive()
            for body, _ in world.given_up[:]:
                world.events.send(body, depth=1)
            world.given_up.clear()
            is_quiet = is_quiet and world.timeline.run()
        return is_quiet and sweep_until_quiet(world)
    finally:
        world.timeline.stop()


def scale_of(chance: random.Random) -> Scale:
    """A world of some size and speed."""
    concurrency = chance.choice((2, 3, 10))
    latency_s = chance.choice(((0.005, 0.02), (0.005, 0.02), (0.05, 0.5), (0.3, 3.0)))
    is_slow = latency_s[1] > SLOW_S  # then an object in tiny pieces could not be read within one invocation, and one in gzip has to be
    return Scale(
        latency_s=latency_s,
        piece_bytes=chance.choice((1000, 100_000) if is_slow else (100, 1000, 100_000)),
        chunk_bytes=chance.choice((150, 600, 2000, 1_000_000)),
        slice_s=chance.choice((1.0, 6.0, 60.0)),
        snapshot_s=chance.choice((0.2, 2.0, 5.0)),
        concurrency=concurrency,
        timeout_s=chance.choice((20, 60) if is_slow else (10, 20, 60)),
        is_versioned=chance.random() < 0.5,
        budget=chance.choice((None, None, None, 20 * concurrency)),
        scan_bytes_per_s=chance.choice((40_000_000, 10, 50)),
        rejects_bytes_max=chance.choice((100_000_000, 100_000_000, 1500)),
        records_per_day=chance.choice((None, None, None, None, 60)),
    )


@contextmanager
def constants(scale: Scale) -> Iterator[None]:
    """The product's sizes, made small enough that small files pass through all its parts."""
    changes = [(plan, "CHUNK_BYTES_MIN", scale.chunk_bytes), (plan, "CHUNK_BYTES_MAX", scale.chunk_bytes), (verdicts, "SLICE_S", scale.slice_s)]
    changes += [(cutting, "SCAN_BYTES_PER_S", scale.scan_bytes_per_s), (load, "GROUP_RECORDS", 5), (load, "SNAPSHOT_S", scale.snapshot_s)]
    before = [(module, name, getattr(module, name)) for module, name, _ in changes]
    for module, name, value in changes:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


def _calm(world: World) -> None:
    world.faults.is_calm = True
    world.tell("", "from here on there are no faults")


def _plan_uploads(world: World, chance: random.Random) -> None:
    folders = list(uploads.FOLDERS)
    keys = [f"{chance.choice(folders)}/k{number}" for number in range(chance.choice((1, 1, 2, 3)))]
    within_s = chance.choice((0.5, 30.0, 600.0))
    for _ in range(chance.randrange(1, 6)):
        key, draw = chance.choice(keys), chance.random()
        world.timeline.at(chance.uniform(0, within_s), functools.partial(_act, world, key, draw))


def _act(world: World, key: str, draw: float) -> None:
    """Somebody does something to ``key``."""
    chance = world.chance
    if draw < 0.05:
        world.delete(key)
        return
    before = [world.contents[version.number] for version in world.bucket.uploads if version.key == key]
    if draw < 0.2 and before:  # what is there once more, or what was there before that
        content = chance.choice(before)
    else:
        content = uploads.content_of(key, len(world.bucket.uploads), chance.choice(SIZES), chance, chance.choice((0.0, 0.05, 0.3)))
    world.upload(key, content, [chance.choice(uploads.FORMS)])
    if world.faults.hit("message.forged"):
        world.events.send(uploads.forged(chance, list(world.by_generation)), depth=1)
