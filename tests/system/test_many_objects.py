"""Several hundred objects at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from system.pipeline import Pipeline, wait_until

COUNT = 300


def test_objects_when_hundreds_come_at_once_are_all_loaded(queued: Pipeline) -> None:
    """None is lost, none is given up, and every object's one record is in the table with its own value."""
    bodies = {f"records/many/{number:03}.csv": f"id,group,value\nmany-{number:03},many,{number}\n".encode() for number in range(COUNT)}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: queued.upload(*one), bodies.items()))

    def loaded() -> set[str]:
        return {load["object"].partition("@")[0] for load in queued.log.loads if "/many/" in load["object"] and load["state"] == "LOADED"}

    wait_until(lambda: len(loaded()) == COUNT, f"{COUNT} objects loaded")
    items = {item["id"]["S"]: item["value"]["N"] for item in queued.items("records", group="many")}
    assert items == {f"many-{number:03}": str(number) for number in range(COUNT)}
    assert queued.given_up("records/many/") == []
