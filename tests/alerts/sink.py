"""A real HTTP receiver on loopback that keeps what it is sent and answers as a test says."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

LOOPBACK = ("127.0.0.1",)


@dataclass(frozen=True)
class Message:
    """One request: header names in lower case, the body as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Sink:
    """Where it is, what it answers (the last status for good), and what came."""

    url: str = ""
    statuses: list[int] = field(default_factory=lambda: [204])
    head: bytes = b""
    messages: list[Message] = field(default_factory=list)
    is_silent: bool = False

    def status(self) -> int:
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[Sink]:
    """A sink that runs until the block ends."""
    sink, open_tasks = Sink(), set[asyncio.Task[None]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await _answer(reader, writer, sink)
        open_tasks.discard(task)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    sink.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield sink
    finally:
        server.close()
        for task in open_tasks:
            task.cancel()
        await server.wait_closed()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sink: Sink) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers["content-length"]))
    sink.messages.append(Message(head[0].split()[1], headers, body))
    if sink.is_silent:
        await asyncio.Event().wait()
    writer.write(f"HTTP/1.1 {sink.status()} Answer\r\n".encode() + sink.head + b"Content-Length: 0\r\n")
    writer.write(b"Connection: close\r\n\r\n")
    await writer.drain()
