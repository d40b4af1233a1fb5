"""Real `tanggap` processes, forked from a server that has loaded the program already, so that many start in no time."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from app import cli

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["app.cli"])

SECRET = "kunci-rahasia-untuk-uji-coba-saja-0001"


@dataclass(frozen=True)
class Ran:
    """What a command that has ended left: its exit code and what it said where."""

    code: int | None
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document of standard output."""
        return json.loads(self.out)


def start(
    *arguments: str, output: Path, errors: Path | None = None, given: bytes = b"", **settings: object
) -> BaseProcess:
    """A running `tanggap` with these arguments and settings; what it prints goes to `output`, its errors too if
    nothing else is said. A setting that is None is not set."""
    call = (arguments, dict(settings), output, errors or output, given)
    process = _context.Process(target=_run, args=call, daemon=True)
    process.start()
    return process


def run(*arguments: str, folder: Path, given: bytes = b"", **settings: object) -> Ran:
    """A `tanggap` command that has ended."""
    out, err = folder / "out.txt", folder / "err.txt"
    for file in (out, err):
        file.write_bytes(b"")
    process = start(*arguments, output=out, errors=err, given=given, **settings)
    process.join(60)
    return Ran(process.exitcode, out.read_text(), err.read_text())


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


def _run(arguments: tuple[str, ...], settings: Mapping[str, object], output: Path, errors: Path, given: bytes) -> None:
    named = {"secret_key": SECRET, "allowed_source_hosts": "127.0.0.1", "source_rate": "500", **settings}
    os.environ.update({f"TANGGAP_{name.upper()}": str(value) for name, value in named.items() if value is not None})
    os.chdir(output.parent)
    source, sink = os.pipe()
    os.write(sink, given)
    os.close(sink)
    os.dup2(source, 0)
    # Multiprocessing has put a file of its own in the place of standard input.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    for file, number in ((output, 1), (errors, 2)):
        with file.open("ab") as sink_file:
            os.dup2(sink_file.fileno(), number)
    sys.argv = ["tanggap", *arguments]
    cli.main()
