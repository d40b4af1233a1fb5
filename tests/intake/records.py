"""Records in the contract's own words, as a connector would give them."""

from __future__ import annotations

from typing import Any

from connectors.contract import EventKind, IncomingComplaint, SourceEvent, hash_raw
from tests.intake.feeds import at


def incoming(external_id: str, when: str, status: str | None = "Menunggu", **values: Any) -> IncomingComplaint:
    """One record; its hash is that of its raw form, or of all it says where none is given."""
    named: dict[str, Any] = {
        "external_id": external_id,
        "source_status": status,
        "channel": "jaki",
        "category": "Penerangan Jalan",
        "text": "Lampu mati",
        "reported_at": at(when),
        **values,
    }
    named.setdefault("raw", {name: str(value) for name, value in named.items()})
    return IncomingComplaint(**named, content_hash=hash_raw(named["raw"]))


def said(when: str, label: str, unit: str | None = None, kind: EventKind = EventKind.STATUS) -> SourceEvent:
    """One dated entry of a source's history."""
    return SourceEvent(at(when), kind, label, unit)
