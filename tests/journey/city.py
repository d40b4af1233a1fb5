"""A JAKI of one report that a test changes while the service runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from tests.connectors.servers import Answer, Request, json_answer

WIB = timezone(timedelta(hours=7))
TOKEN = "jaki-token"
CODE = "JK2611240042"


class Jaki:
    """Serves one report; `say` adds a dated word to its timeline."""

    def __init__(self, reported_at: datetime) -> None:
        self.reported_at = reported_at
        self.timeline: list[dict[str, Any]] = []
        self.say("Menunggu", reported_at)

    def say(self, word: str, at: datetime | None = None) -> None:
        """The source says `word` from `at` (now) on."""
        instant = (at or datetime.now(UTC)).astimezone(WIB).replace(microsecond=0)
        self.timeline.append({"status": word, "at": instant.isoformat(), "by": "Kelurahan Petamburan"})

    def answer(self, request: Request) -> Answer:
        """The page of `GET /reports`."""
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return json_answer({"message": "Unauthorized"}, 401)
        if request.path != "/reports":
            return json_answer({"message": "Not Found"}, 404)
        return json_answer({"data": [self._report()], "next_cursor": None})

    def _report(self) -> dict[str, Any]:
        return {
            "id": CODE,
            "title": "Parkir liar di depan pasar",
            "description": "Mobil parkir di trotoar setiap pagi.",
            "category": {"id": 12, "name": "Parkir Liar"},
            "status": self.timeline[-1]["status"],
            "privacy": "public",
            "anonymous": True,
            "location": {
                "lat": -6.1935,
                "lng": 106.8075,
                "address": "Jl. KS Tubun",
                "kelurahan": "Petamburan",
                "kecamatan": "Tanah Abang",
                "city": "Jakarta Pusat",
            },
            "photos": [],
            "handler": {"name": "Kelurahan Petamburan"},
            "created_at": self.timeline[0]["at"],
            "updated_at": self.timeline[-1]["at"],
            "timeline": self.timeline,
            "support_count": 0,
            "rating": None,
        }
