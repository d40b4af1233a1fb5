"""The reasons that moves may give, as whoever offers them to officers needs them."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from typing_extensions import TypedDict

from app.complaint.lifecycle import Move, Status
from app.complaint.roles import Role
from app.db.tables.rules import ReasonCode
from app.workqueue.pauses import PAUSE

_KINDS = {"reject": Move.REJECT, PAUSE: Move.ASK_COMPLAINANT}


class Label(TypedDict):
    """Words in both languages."""

    id: str
    en: str


class Reason(TypedDict):
    """A reason: the role it takes, whether it asks where its evidence is, how long a pause for it may last."""

    code: str
    label: Label
    role: Role
    needs_evidence: bool
    max_seconds: int | None


async def read_reasons(connection: AsyncConnection) -> Mapping[Move, list[Reason]]:
    """The reasons by the move that gives them; what awaits a verdict is no officer's to give."""
    found: dict[Move, list[Reason]] = {move: [] for move in _KINDS.values()}
    rows = await connection.execute(select(*ReasonCode.__table__.c).order_by(ReasonCode.kind, ReasonCode.code))
    for row in rows:
        if row.kind in _KINDS and row.code != Status.AWAITING_VALIDATION:
            found[_KINDS[row.kind]].append(
                Reason(
                    code=row.code,
                    label=Label(id=row.label_id, en=row.label_en),
                    role=Role(row.needed_role),
                    needs_evidence=row.needs_evidence,
                    max_seconds=row.max_s,
                )
            )
    return found
