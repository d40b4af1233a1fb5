"""Bodies at the door: a field that is not known is an error, and so is a number or a truth that is written as text."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, BeforeValidator, ConfigDict

MAX_ID = 2**63 - 1


def _digits(value: object) -> object:
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise ValueError("must be a whole number, written in digits")
    return value


Digits = BeforeValidator(_digits)
"""For a number in an address: left alone, `1.0`, `+1` and `1_0` would be numbers too, and `1.0` the row 1."""

RowId = Annotated[int, Digits, Path(ge=1, le=MAX_ID)]
"""An id in a path, within what both databases hold."""


class Sent(BaseModel):
    """What a caller sends; every body is one of these, with strict numbers and truths, and a test holds them to it."""

    model_config = ConfigDict(extra="forbid")
