"""Bodies at the door: a field that is not known is an error, and so is a number or a truth that is written as text."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, ConfigDict

MAX_ID = 2**63 - 1
RowId = Annotated[int, Path(ge=1, le=MAX_ID)]
"""An id in a path, within what both databases hold."""


class Sent(BaseModel):
    """What a caller sends; every body is one of these, with strict numbers and truths, and a test holds them to it."""

    model_config = ConfigDict(extra="forbid")
