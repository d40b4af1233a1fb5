"""Servers in processes of their own, and the time that one answer takes over a kept connection."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_START_S = 30.0


class Caller:
    """One client with one connection that stays open."""

    def __init__(self, port: int, process_id: int = 0) -> None:
        self.port, self.process_id = port, process_id
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_START_S)

    def get(self, path: str, headers: Mapping[str, str]) -> tuple[float, bytes]:
        """The seconds until the whole answer is here, and its body.

        Raises: RuntimeError for any status but 200.
        """
        begun = time.perf_counter()
        self._connection.request("GET", path, headers=dict(headers))
        response = self._connection.getresponse()
        body = response.read()
        took = time.perf_counter() - begun
        if response.status != http.HTTPStatus.OK:
            raise RuntimeError(f"{path} answers {response.status}: {body[:300]!r}")
        return took, body


@contextmanager
def serving(
    arguments: Sequence[str | Path], folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Caller]:
    """A Python process that serves on the port that is appended to `arguments`, and a caller of it."""
    port = _free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TANGGAP_")}
    log = folder / f"{port}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *arguments, str(port)],
            cwd=folder,
            env={**kept, "PYTHONPATH": str(_ROOT), **(environment or {})},
            stdout=out,
            stderr=out,
        )
    try:
        _await(process, port, log)
        yield Caller(port, process.pid)
    finally:
        process.terminate()
        process.wait(timeout=_START_S)


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            Caller(port).get("/healthz", {})
            return
        except (OSError, RuntimeError):
            time.sleep(0.05)
    raise RuntimeError(f"a server did not start: {log.read_text(errors='replace')[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
