"""What goes wrong with real sources, on purpose: slow, failing, cut off, repeated and poisoned answers, by a seed.

Faults of delivery come and go: each further time the same thing is asked for, chance is asked anew. Faults of the data
stay: a record that has a poisoned twin, or a time ahead of ours, has it in every answer.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from typing import Any

import orjson
from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.demo.chance import chance

REPORT = "/faults"
"""Where the faults so far are told (GET) and their share is changed (`POST ?share=0.1`)."""
AHEAD = timedelta(minutes=4)
SKEW = timedelta(hours=3)

_LONGEST_DELAY_S = 0.3
_POISONED, _SKEWED = 0.08, 0.2
_SHIFT = 5
_EXPIRED_AS_OFTEN = 3
_PAGE = "<!doctype html><html><head><title>502</title></head><body><h1>Bad gateway</h1></body></html>"
_SHARE = re.compile(r"0(\.\d{1,6})?|1(\.0{1,6})?", re.ASCII)
_MISSING_TIME = ("createdAt", "created_at")

Now = Callable[[], datetime]
Record = dict[str, Any]


class Fault(StrEnum):
    """A way in which one answer goes wrong."""

    LATE = "late"
    BROKEN = "broken"
    BUSY = "busy"
    CUT = "cut"
    PAGE = "page"
    REPEATED = "repeated"
    SHIFTED = "shifted"
    EXPIRED = "expired"


@dataclass(slots=True)
class FaultPlan:
    """Which answers go wrong: `share` of them, 0 to 1. The share that the data is spoiled by never changes."""

    seed: int
    share: float
    data_share: float = field(init=False)

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"{self.share} of all answers: want 0 to 1")
        self.data_share = self.share

    def drawn(self, asked: str, time: int, *, has_cursor: bool) -> Fault | None:
        """What happens to the answer when this is asked for the `time`th time."""
        rng = chance(self.seed, "fault", asked, time)
        if rng.random() >= self.share:
            return None
        others = [fault for fault in Fault if fault is not Fault.EXPIRED]
        # Few requests carry a cursor, so that each of them is tried the harder.
        return rng.choice([*others, *[Fault.EXPIRED] * _EXPIRED_AS_OFTEN] if has_cursor else others)

    def is_poisoned(self, code: str) -> bool:
        """Whether the record has a twin that nobody can read."""
        return chance(self.seed, "poison", code).random() < self.data_share * _POISONED

    def is_ahead(self, code: str) -> bool:
        """Whether the record was changed by a clock that runs ahead of ours."""
        return chance(self.seed, "ahead", code).random() < self.data_share * _SKEWED


class Faults:
    """The make-believe sources with everything that befalls real ones; an ASGI application around theirs."""

    def __init__(self, app: ASGIApp, plan: FaultPlan, now: Now) -> None:
        self._app, self._plan, self._now = app, plan, now
        self._asked: Counter[str] = Counter()
        self._happened: Counter[str] = Counter()
        self._poison: set[str] = set()
        self._last: dict[str, list[Record]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == "/healthz":
            await self._app(scope, receive, send)
        elif scope["path"] == REPORT:
            await self._report(scope)(scope, receive, send)
        else:
            await (await self._answer(scope, receive))(scope, receive, send)

    def _report(self, scope: Scope) -> Response:
        share = QueryParams(scope["query_string"]).get("share")
        if scope["method"] == "POST":
            if share is None or not _SHARE.fullmatch(share):
                return Response(b'{"message":"share: want 0 to 1"}', 400, media_type="application/json")
            self._plan.share = float(share)
        told = {"share": self._plan.share, "happened": dict(self._happened), "poison": len(self._poison)}
        return Response(orjson.dumps(told), media_type="application/json")

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        query = scope["query_string"].decode("latin-1")
        asked = f"{scope['path']}?{query}"
        self._asked[asked] += 1
        has_cursor = bool(QueryParams(query).get("cursor"))
        fault = self._plan.drawn(asked, self._asked[asked], has_cursor=has_cursor)
        if fault is not None:
            self._happened[fault.value] += 1
        refusal = self._refusal(fault, asked)
        if refusal is not None:
            return refusal
        if fault is Fault.LATE:
            await asyncio.sleep(chance(self._plan.seed, "delay", asked).uniform(0, _LONGEST_DELAY_S))
        return self._spoiled(await _collect(self._app, scope, receive), scope["path"], fault)

    def _refusal(self, fault: Fault | None, asked: str) -> Response | None:
        """An answer that brings nothing."""
        if fault is Fault.BROKEN:
            return Response(b"", chance(self._plan.seed, "status", asked).choice([500, 502, 503, 504]))
        if fault is Fault.BUSY:
            return Response(b"", 429, self._wait(chance(self._plan.seed, "wait", asked).random() < 0.5))
        if fault is Fault.EXPIRED:
            return Response(b'{"message":"cursor: expired"}', 410, media_type="application/json")
        return Response(_PAGE, media_type="text/html") if fault is Fault.PAGE else None

    def _wait(self, is_dated: bool) -> dict[str, str]:
        """A second to wait, as a number or by the source's own clock, which is wrong."""
        if not is_dated:
            return {"retry-after": "1"}
        there = self._now() + SKEW
        return {"date": _http_date(there), "retry-after": _http_date(there + timedelta(seconds=1))}

    def _spoiled(self, whole: Response, path: str, fault: Fault | None) -> Response:
        """The answer with its data's own faults, and with what happens to it on the way."""
        records, wrap = _records(whole)
        if records is None or wrap is None:
            return whole
        told = [each for record in records for each in self._with_faults(record)]
        if fault is Fault.REPEATED:
            told += told[: len(told) // 2 + 1]
        if fault is Fault.SHIFTED:
            told = self._last.get(path, [])[-_SHIFT:] + told
        self._last[path] = records
        body = orjson.dumps(wrap(told))
        if fault is Fault.CUT:
            body = body[: len(body) * 2 // 3]
        return Response(body, whole.status_code, media_type="application/json")

    def _with_faults(self, record: Record) -> list[Record]:
        """The record, and its twin without a time where it has one."""
        code = str(record.get("code") or record.get("id"))
        if "updated_at" in record and self._plan.is_ahead(code):
            at = datetime.fromisoformat(record["updated_at"]) + AHEAD
            record = {**record, "updated_at": at.isoformat(timespec="seconds")}
        if not self._plan.is_poisoned(code):
            return [record]
        self._poison.add(code)
        twin = {name: value for name, value in record.items() if name not in _MISSING_TIME}
        return [{**twin, "id": f"{record['id']}-x"}, record]


def _http_date(at: datetime) -> str:
    return format_datetime(at.astimezone(UTC), usegmt=True)


def _records(answer: Response) -> tuple[list[Record] | None, Callable[[list[Record]], object] | None]:
    """The records of an answer that lists some, and what makes the answer of others."""
    if answer.status_code != 200:
        return None, None
    value = orjson.loads(answer.body)
    if isinstance(value, list):
        return value, lambda records: records
    if isinstance(value, dict) and isinstance(value.get("data"), list):
        return value["data"], lambda records: {**value, "data": records}
    return None, None


async def _collect(app: ASGIApp, scope: Scope, receive: Receive) -> Response:
    """The whole answer of an application."""
    start: Message = {}
    body = bytearray()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            body.extend(message.get("body", b""))

    await app(scope, receive, send)
    headers = Headers(raw=start["headers"])
    return Response(bytes(body), start["status"], media_type=headers.get("content-type"))
