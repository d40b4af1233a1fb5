"""CRM and JAKI in their wire shapes, from lists that a test fills, with the failures that it asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.connectors.servers import Answer, Request, Server, json_answer

WIB = ZoneInfo("Asia/Jakarta")
Record = dict[str, Any]


def at(text: str) -> datetime:
    """`12 08:30` is 12 January 2026, 08:30 in Jakarta."""
    day, _, clock = text.partition(" ")
    hour, minute, *second = (int(part) for part in clock.split(":"))
    return datetime(2026, 1, int(day), hour, minute, *second, tzinfo=WIB)


def told(when: datetime | None) -> str | None:
    """An instant as these tests write it."""
    return when and when.astimezone(WIB).strftime("%d %H:%M")


def jaki(
    code: str, when: str, status: str = "Menunggu", timeline: tuple[tuple[str, str, str], ...] = (), **values: Any
) -> Record:
    """One report of JAKI, in Petamburan; `timeline` holds (status, when, unit)."""
    record = {
        "id": code,
        "title": "Lampu jalan mati",
        "description": "Lampu di depan pos RW mati sejak kemarin",
        "category": {"id": 12, "name": "Penerangan Jalan"},
        "status": status,
        "privacy": "public",
        "anonymous": False,
        "location": {"lat": -6.19, "lng": 106.8, "address": "Jl. Petamburan IV", "kelurahan": "Petamburan"},
        "photos": ["https://foto.contoh.id/1.jpg"],
        "handler": {"name": "Kelurahan Petamburan"},
        "created_at": at(when).isoformat(),
        "updated_at": max([at(when), *(at(each[1]) for each in timeline)]).isoformat(),
        "timeline": [{"status": word, "at": at(day).isoformat(), "by": unit} for word, day, unit in timeline],
        "support_count": 3,
        "rating": None,
    }
    return {**record, **values}


def crm(number: int, code: str | None, when: str, status: str = "Menunggu", **values: Any) -> Record:
    """One complaint of CRM, in the hands of Dinas Bina Marga."""
    record = {
        "id": number,
        "code": code,
        "content": "Permasalahan: lampu mati\nKategori: Jaringan Listrik\nLokasi: Jl. Petamburan IV",
        "lat": "-6.19",
        "lng": "106.8",
        "tstatus": {"name": status},
        "complaintCategory": {"name": "Jaringan Listrik "},
        "zone": {"name": "DINAS BINA MARGA"},
        "createdAt": at(when).astimezone(UTC).isoformat().replace("+00:00", ".000Z"),
    }
    return {**record, **values}


@dataclass
class Feeds:
    """What both sources say now; `fail` maps a path to what is answered there instead."""

    jaki: list[Record] = field(default_factory=list)
    crm: list[Record] = field(default_factory=list)
    villages: dict[int, str] = field(default_factory=dict)
    fail: dict[str, Callable[[Request], Answer | None]] = field(default_factory=dict)
    page_size: int = 200
    server: Server | None = None

    @property
    def url(self) -> str:
        assert self.server is not None
        return self.server.url

    def asked(self, path: str) -> list[dict[str, str]]:
        """The queries that came to a path that ends so."""
        assert self.server is not None
        return [request.query for request in self.server.requests if request.path.endswith(path)]

    def answer(self, request: Request) -> Answer:
        name = request.path.rsplit("/", 1)[-1]
        failure = self.fail.get(name, lambda _: None)(request)
        if failure is not None:
            return failure
        return {"reports": self._reports, "distribution-map": self._map, "detail": self._detail}[name](request)

    def _reports(self, request: Request) -> Answer:
        if request.headers.get("authorization") != "Bearer rahasia":
            return json_answer({"message": "no"}, 401)
        since = request.query.get("updated_since")
        wanted = [
            record
            for record in self.jaki
            if not since or datetime.fromisoformat(record.get("updated_at", since)) >= datetime.fromisoformat(since)
        ]
        start = int(request.query.get("cursor") or 0)
        end = start + self.page_size
        return json_answer({"data": wanted[start:end], "next_cursor": str(end) if end < len(wanted) else None})

    def _map(self, request: Request) -> Answer:
        days = {request.query["dateStart"], request.query["dateEnd"]}
        return json_answer([record for record in self.crm if _day(record) in days])

    def _detail(self, request: Request) -> Answer:
        number = int(request.query["id"])
        if number not in self.villages:
            return json_answer({"message": "not found"}, 404)
        district = {"name": "Tanah Abang", "city": {"name": "Jakarta Pusat", "province": {"name": "DKI Jakarta"}}}
        return json_answer({"documents": [], "village": {"name": self.villages[number], "district": district}})


def _day(record: Record) -> str | None:
    try:
        return datetime.fromisoformat(record["createdAt"].replace("Z", "+00:00")).astimezone(WIB).date().isoformat()
    except (ValueError, KeyError):
        return at("12 00:00").date().isoformat()


def always(status: int, **headers: str) -> Callable[[Request], Answer]:
    """The same failure for everybody."""
    return lambda _: json_answer({"message": "no"}, status, **headers)


HOUR = timedelta(hours=1)
