"""Real `tanggap` processes, forked from a server that has loaded the program already, so that many start in no time."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path

from app import cli

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["app.cli"])

SECRET = "kunci-rahasia-untuk-uji-coba-saja-0001"


def start(*arguments: str, output: Path, **settings: object) -> BaseProcess:
    """A running `tanggap` with these arguments and settings; what it prints goes to `output`."""
    process = _context.Process(target=_run, args=(arguments, dict(settings), output), daemon=True)
    process.start()
    return process


async def ended(process: BaseProcess, *, within_s: float = 60) -> int | None:
    """The exit code, once there is one."""
    await asyncio.to_thread(process.join, within_s)
    return process.exitcode


async def until(holds: Callable[[], Awaitable[object]], process: BaseProcess | None = None) -> bool:
    """Wait for something that other processes bring about; False when `process` ended before."""
    while not await holds():
        if process is not None and process.exitcode is not None:
            return False
        await asyncio.sleep(0.01)
    return True


def _run(arguments: tuple[str, ...], settings: Mapping[str, object], output: Path) -> None:
    named = {"secret_key": SECRET, "allowed_source_hosts": "127.0.0.1", "source_rate": "500", **settings}
    os.environ.update({f"TANGGAP_{name.upper()}": str(value) for name, value in named.items()})
    os.chdir(output.parent)
    with output.open("ab") as sink:
        os.dup2(sink.fileno(), 1)
        os.dup2(sink.fileno(), 2)
    sys.argv = ["tanggap", *arguments]
    cli.main()
