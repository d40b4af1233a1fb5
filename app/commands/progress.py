"""How long work shows itself: a bar on a terminal, plain lines in a pipe; always on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from app.commands.frame import say

Steps = Callable[[int, int | None, str], None]
"""Told how much is done, of how much (None: nobody knows), and what to say beside it."""

_LINE_EVERY = 10_000


@contextmanager
def showing(label: str) -> Iterator[Steps]:
    """Something to call with every step while the block runs."""
    if not sys.stderr.isatty():
        yield _Lines(label).step
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=None, told="")
        yield lambda done, total, told: progress.update(task, completed=done, total=total, told=told)


class _Lines:
    """A line for each tenth of the work, or, where nobody knows how much it is, now and then."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._last = 0

    def step(self, done: int, total: int | None, told: str) -> None:
        mark = done * 10 // total if total else done // _LINE_EVERY
        if mark > self._last:
            self._last = mark
            say(f"{self._label} {told}")
