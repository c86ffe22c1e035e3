"""aiodynamo with aiohttp, eight calls in flight."""

import asyncio
import sys
from collections.abc import Iterator
from typing import Any

import aiohttp
from aiodynamo.client import Client
from aiodynamo.credentials import EnvironmentCredentials
from aiodynamo.http.aiohttp import AIOHTTP
from aiodynamo.models import BatchWriteRequest
from flights import ENDPOINT, REGION, TABLE, batches, items
from yarl import URL


async def send(client: Client, waiting: Iterator[list[dict[str, Any]]]) -> None:
    """Send batches until there are no more; the tasks share ``waiting``."""
    for batch in waiting:
        for _ in range(10):
            answer = await client.batch_write({TABLE: BatchWriteRequest(items_to_put=batch)})
            batch = answer[TABLE].items_to_put if TABLE in answer else []
            if not batch:
                break
        else:
            raise SystemExit("items were left unprocessed ten times")


async def main() -> None:
    """Load the file."""
    async with aiohttp.ClientSession() as session:
        client = Client(AIOHTTP(session), EnvironmentCredentials(), REGION, URL(ENDPOINT))
        waiting = batches(items(sys.argv[1]))
        await asyncio.gather(*(send(client, waiting) for _ in range(8)))


asyncio.run(main())
