"""The people of the town, the rules by which they are told, and what they were told."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, select, update

from app.complaint.roles import Role
from app.db.session import reading, writing
from tests.alerts.town import Town, at, table

LONG_AGO = at("2020-01-01 00:00")
OFFICE = {
    "timezone": "Asia/Jakarta",
    "week": {day: [["07:30", "16:00"]] for day in ["mon", "tue", "wed", "thu", "fri"]} | {"sat": [], "sun": []},
}
LADDER: dict[str, dict[str, Any]] = {
    "warning": {"from_step": 75, "to_step": 99, "who": ["assignee"], "hours": "working"},
    "breach": {"from_step": 100, "to_step": 100, "who": ["officers", "head"]},
    "reminder": {"from_step": 101, "to_step": None, "who": ["head+1"]},
}


async def open_office(town: Town) -> None:
    """Working hours from half past seven to four, Monday to Friday."""
    async with writing(town.engine) as connection:
        made = insert(table("calendar")).values(name="asn-dki").returning(table("calendar").c.id)
        version = {"version": 1, "rules": OFFICE, "published_at": LONG_AGO}
        version["calendar_id"] = await connection.scalar(made)
        await connection.execute(insert(table("calendar_version")).values(version))


async def set_rules(town: Town, **rules: dict[str, Any]) -> None:
    """These rules, and what they leave out."""
    rest = {"description": "", "every": 1, "channels": ["email"], "severity": "normal", "hours": "any"}
    stamps = {"is_active": True, "updated_at": LONG_AGO, "updated_by": "test"}
    async with writing(town.engine) as connection:
        for name, rule in rules.items():
            await connection.execute(insert(table("alert_rule")).values(name=name, **{**rest, **stamps, **rule}))


async def hire(town: Town, username: str, role: Role, unit: str | None, **values: Any) -> int:
    """An officer who reads mail; their id."""
    row = {"name": username.title(), "role": role, "is_active": True, "failed_sign_ins": 0, "created_at": LONG_AGO}
    row |= {"email": f"{username}@example.go.id"} | values
    async with writing(town.engine) as connection:
        made = insert(table("officer")).values(username=username, **row).returning(table("officer").c.id)
        officer_id = int(await connection.scalar(made) or 0)
        if unit is not None:
            held = {"officer_id": officer_id, "unit_id": town.units[unit]}
            await connection.execute(insert(table("officer_unit")).values(held))
    return officer_id


async def change(town: Town, name: str, row_id: int, **values: Any) -> None:
    """One row, otherwise."""
    async with writing(town.engine) as connection:
        await connection.execute(update(table(name)).where(table(name).c.id == row_id).values(values))


async def send_away(town: Town, officer_id: int, start: Any, end: Any, delegate_id: int | None = None) -> None:
    """A leave."""
    row = {"officer_id": officer_id, "starts_at": start, "ends_at": end, "delegate_id": delegate_id}
    async with writing(town.engine) as connection:
        await connection.execute(insert(table("leave")).values(**row, created_at=LONG_AGO, created_by="test"))


async def letters(town: Town, kind: str = "alert", state: str | None = None) -> list[tuple[str, int]]:
    """Who is written to, by user name, and of which step."""
    delivery, alert, officer = table("delivery"), table("alert"), table("officer")
    async with reading(town.engine) as connection:
        names = {f"officer:{row.id}": row.username for row in await connection.execute(select(officer))}
        statement = (
            select(delivery.c.recipient, alert.c.step)
            .join(alert, alert.c.id == delivery.c.alert_id)
            .where(delivery.c.kind == kind, delivery.c.channel.in_(["email", "chat"]))
        )
        if state is not None:
            statement = statement.where(delivery.c.state == state)
        return sorted((names[row.recipient], row.step) for row in await connection.execute(statement))
