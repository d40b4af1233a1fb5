"""The `tanggap` command as its user runs it: real processes on a database of the test's own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60


@dataclass
class Tanggap:
    """Runs commands against one database; `settings` are its environment without the prefix."""

    database_url: str
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every process."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TANGGAP_")}
        own = {"SECRET_KEY": "a secret key of the tests, long enough", "DATABASE_URL": self.database_url}
        return kept | {f"TANGGAP_{name}": value for name, value in (own | self.settings).items()}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command to its end."""
        command = [sys.executable, "-m", "app.cli", *words]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )

    def json(self, *words: str) -> dict[str, Any]:
        """The one document that a command prints with --json."""
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """`tanggap serve --with-worker`, until the block ends; where it is."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app.cli", "serve", "--port", port, "--with-worker",
            cwd=ROOT, env=self.environment, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        url = f"http://127.0.0.1:{port}"
        try:
            async with httpx.AsyncClient(trust_env=False) as client:
                await until(lambda: _answers(client, f"{url}/readyz"))
            yield url
        finally:
            process.terminate()
            await asyncio.wait_for(process.wait(), PATIENCE_S)


async def until(look: Callable[[], Any]) -> Any:
    """What `look` (a coroutine function) gives, once it gives something."""
    async with asyncio.timeout(PATIENCE_S):
        while not (found := await look()):
            await asyncio.sleep(0.1)
        return found


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).is_success
    except httpx.TransportError:
        return False
