"""Where a command leaves a result that may tell of people: standard output, or a new file that only its owner reads."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from app.complaint.errors import InvalidInput

Output = Annotated[Path | None, typer.Option(help="A new file that only you can read; else standard output.")]


@contextmanager
def written_to(path: Path | None) -> Iterator[BinaryIO]:
    """Something to write the result to; a file that did not come to its end goes again.

    Raises: InvalidInput, when there is such a file already.
    """
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise InvalidInput("output", f"{path} is there already") from error
    try:
        with os.fdopen(number, "wb") as file:
            yield file
    except BaseException:
        path.unlink()
        raise
