"""Small real HTTP servers on loopback that answer as a test says, or misbehave as no library would let them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    """One request as the server saw it; header names in lower case."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """What a server sends; `cut` leaves out the last bytes, `drips` waits for ever before the body."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int = 0
    drips: bool = False


Handler = Callable[[Request], Answer]


def json_answer(value: object, status: int = 200, **headers: str) -> Answer:
    """The value as a JSON answer."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    body = json.dumps(value).encode()
    return Answer(status, body, {"content-type": "application/json; charset=utf-8"} | named)


@dataclass
class Server:
    """A running server: where it is and what it was asked."""

    url: str
    requests: list[Request] = field(default_factory=list)


@contextlib.asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[Server]:
    """A server that answers each request, on a connection of its own, with what the handler returns."""
    server = Server("")
    open_tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_tasks.add(task)
        try:
            await _answer(reader, writer, server, handler)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            open_tasks.discard(task)
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        for task in open_tasks:
            task.cancel()
        await listener.wait_closed()
        await asyncio.gather(*open_tasks, return_exceptions=True)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Server, handler: Handler) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    target = urlsplit(head[0].split(" ")[1])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    request = Request(target.path, dict(parse_qsl(target.query, keep_blank_values=True)), headers)
    server.requests.append(request)
    answer = handler(request)
    fixed = {"content-length": str(len(answer.body)), "connection": "close"} | dict(answer.headers)
    lines = [f"HTTP/1.1 {answer.status} X", *(f"{name}: {value}" for name, value in fixed.items()), "", ""]
    writer.write("\r\n".join(lines).encode("latin-1"))
    await writer.drain()
    if answer.drips:
        await asyncio.Event().wait()
    writer.write(answer.body[: len(answer.body) - answer.cut])
    await writer.drain()
