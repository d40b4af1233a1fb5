"""What intake reads the words of a source by: status words, unit labels, villages, categories."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Table, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.lifecycle import Status
from app.complaint.words import fold_label, fold_word
from app.db.changes import RULES, count_up, reserve_ids, upsert
from app.db.tables.sources import CategoryAlias, StatusWord
from app.db.tables.units import Unit, UnitAlias, UnitAncestor
from app.intake.routing import LABEL_LENGTH, Directory, Village
from connectors.contract import SourceTraits

LABEL = "label"
VILLAGE = "village"
_CODE_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Reference:
    """The words of one source, folded, and what they mean."""

    words: Mapping[str, Status]
    directory: Directory
    categories: Mapping[str, str]


async def read_reference(connection: AsyncConnection, connector: str, traits: SourceTraits) -> Reference:
    """The reference data for one source; its own words come before those that hold for all."""
    words: dict[str, Status] = {}
    statement = select(StatusWord.word, StatusWord.status).where(StatusWord.connector.in_(["", connector]))
    for row in await connection.execute(statement.order_by(StatusWord.connector)):
        words[row.word] = row.status
    words.update({fold_word(word): Status(status) for word, status in traits.status_words.items()})
    aliases = (await connection.execute(select(CategoryAlias.label, CategoryAlias.code))).all()
    directory = await _own_directory(connection, traits) if traits.unit_root else await _directory(connection)
    return Reference(words, directory, {row.label: row.code for row in aliases})


async def _directory(connection: AsyncConnection) -> Directory:
    statement = select(UnitAlias.kind, UnitAlias.label, UnitAlias.unit_id, Unit.code)
    labels: dict[str, int] = {}
    villages: dict[str, Village] = {}
    for row in await connection.execute(statement.join(Unit, Unit.id == UnitAlias.unit_id)):
        if row.kind == VILLAGE:
            villages[row.label] = Village(row.unit_id, row.code)
        elif row.kind == LABEL:
            labels[row.label] = row.unit_id
    return Directory(labels, villages)


async def _own_directory(connection: AsyncConnection, traits: SourceTraits) -> Directory:
    """The units below a root that the source brings along; they have their own kind of alias."""
    assert traits.unit_root is not None
    kind = traits.unit_root[0]
    rows = await connection.execute(select(UnitAlias.label, UnitAlias.unit_id).where(UnitAlias.kind == kind))
    return Directory({row.label: row.unit_id for row in rows})


async def add_missing_units(
    connection: AsyncConnection, traits: SourceTraits, labels: Iterable[str | None], directory: Directory
) -> bool:
    """Whether units had to be made for labels that a source with a root of its own brings."""
    if traits.unit_root is None:
        return False
    missing = {fold_label(label)[:LABEL_LENGTH]: label for label in labels if label and directory.unit(label) is None}
    missing.pop("", None)
    if not missing:
        return False
    root_id = await _root(connection, traits.unit_root)
    ids = await reserve_ids(connection, _unit, len(missing))
    root_code = traits.unit_root[0]
    units = [
        _row(unit_id, f"{root_code}-{_short(folded)}", label, "agency", root_id)
        for unit_id, (folded, label) in zip(ids, missing.items(), strict=True)
    ]
    await connection.execute(insert(_unit), units)
    aliases = [
        {"kind": root_code, "label": folded, "unit_id": unit_id} for unit_id, folded in zip(ids, missing, strict=True)
    ]
    await upsert(connection, _alias, aliases, key=("kind", "label"))
    ancestors = [{"unit_id": unit_id, "ancestor_id": unit_id, "depth": 0} for unit_id in ids]
    ancestors += [{"unit_id": unit_id, "ancestor_id": root_id, "depth": 1} for unit_id in ids]
    await connection.execute(insert(_ancestor), ancestors)
    await count_up(connection, RULES)
    return True


def _short(folded: str) -> str:
    """A label as the end of a unit's code; one that is too long ends in its hash, so that two never meet."""
    if len(folded) <= _CODE_LENGTH:
        return folded
    digest = hashlib.sha256(folded.encode()).hexdigest()[:8]
    return f"{folded[: _CODE_LENGTH - 9]}-{digest}"


async def _root(connection: AsyncConnection, root: tuple[str, str]) -> int:
    code, name = root
    found: int | None = await connection.scalar(select(Unit.id).where(Unit.code == code))
    if found is not None:
        return found
    (unit_id,) = await reserve_ids(connection, _unit, 1)
    await connection.execute(insert(_unit), [_row(unit_id, code, name, "root", None)])
    await connection.execute(insert(_ancestor), [{"unit_id": unit_id, "ancestor_id": unit_id, "depth": 0}])
    return unit_id


def _row(unit_id: int, code: str, name: str, kind: str, parent_id: int | None) -> dict[str, object]:
    return {
        "id": unit_id,
        "code": code,
        "name": name,
        "type": kind,
        "parent_id": parent_id,
        "second_parent_id": None,
        "is_validator": False,
        "is_active": True,
    }


_unit: Table = Unit.__table__  # type: ignore[assignment]
_alias: Table = UnitAlias.__table__  # type: ignore[assignment]
_ancestor: Table = UnitAncestor.__table__  # type: ignore[assignment]
