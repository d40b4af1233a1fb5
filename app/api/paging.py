"""Pages: a signed cursor that nobody can read a meaning into, the limit, the link to the next page."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from typing import Annotated

import orjson
from fastapi import Depends, Query, Request

from app.api.bodies import Digits
from app.complaint.errors import InvalidInput
from app.dependencies import house_of

Place = Sequence[str | int | float | None]
"""Where a page ended: the sort key and id of its last row."""

_SIGNATURE_BYTES = 12

Limit = Annotated[int, Digits, Query(ge=1, le=200, description="Items on a page.")]
CursorText = Annotated[str | None, Query(max_length=2000, description="`next_cursor` of the page before.")]


class Cursors:
    """Turns places into cursors and back; the signature keeps invented places out of the queries."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def encode(self, kind: str, place: Place) -> str:
        """The cursor of `place` in the list `kind`: name the list, its sort and what else a cursor must fit.

        >>> cursors = Cursors(b"key")
        >>> cursors.decode("audit", cursors.encode("audit", [7]))
        [7]
        """
        payload = orjson.dumps(list(place))
        return base64.urlsafe_b64encode(self._sign(kind, payload) + payload).decode().rstrip("=")

    def decode(self, kind: str, cursor: str | None) -> list[str | int | float | None] | None:
        """The place; None without a cursor.

        Raises: InvalidInput, when the cursor was not made for this list.
        """
        if cursor is None:
            return None
        try:
            signed = base64.b64decode(f"{cursor}{'=' * (-len(cursor) % 4)}", altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            signed = b""
        signature, payload = signed[:_SIGNATURE_BYTES], signed[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(kind, payload)):
            raise InvalidInput("cursor", "is not a cursor of this list")
        place: list[str | int | float | None] = orjson.loads(payload)
        return place

    def _sign(self, kind: str, payload: bytes) -> bytes:
        return hmac.digest(self._key, f"{kind}\n".encode() + payload, hashlib.sha256)[:_SIGNATURE_BYTES]


async def _cursors(request: Request) -> Cursors:
    return Cursors(house_of(request).cursor_key)


CursorsDep = Annotated[Cursors, Depends(_cursors)]


def next_link(request: Request, next_cursor: str | None) -> dict[str, str]:
    """The `Link` header to the next page; nothing on the last one."""
    if next_cursor is None:
        return {}
    return {"Link": f'<{request.url.include_query_params(cursor=next_cursor)}>; rel="next"'}


def last_id(cursors: Cursors, kind: str, cursor: str | None) -> int | None:
    """The id at which the page before ended, of a list that is ordered by id alone."""
    place = cursors.decode(kind, cursor)
    return None if place is None else int(place[0] or 0)
