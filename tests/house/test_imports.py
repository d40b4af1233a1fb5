"""Who may import whom: the table of docs/architecture.md, held against every file."""

from __future__ import annotations

import fnmatch
import sys
from dataclasses import dataclass

import pytest

from tests.house.source import Module, modules

WORKROOMS = ("app.intake", "app.workqueue", "app.alerts", "app.units", "app.people", "app.rules")
CONNECTOR_TOOLS = ("connectors.contract", "connectors.fetch", "connectors.options", "connectors.reading")
FLOOR = ("app.complaint", "app.sla")
WEB = ("fastapi", "starlette", "uvicorn")
DOORS = ("app.api", "app.dashboard")


@dataclass(frozen=True)
class Wall:
    """What the modules named `who` may import of ours and of third parties (None: anything), less `never`."""

    who: tuple[str, ...]
    ours: tuple[str, ...] | None
    third_party: tuple[str, ...] | None = None
    never: tuple[str, ...] = ()


def _room(name: str, *ours: str) -> Wall:
    """A workroom: it knows the floor, the ground, client and vault, but no framework and no neighbour."""
    may = (name, "app.db", *FLOOR, "app.outbound", "app.vault", *ours)
    return Wall((name, f"{name}.*"), may, never=(*WEB, "apscheduler"))


def _door(name: str) -> Wall:
    return Wall((name, f"{name}.*"), (name, *WORKROOMS, *FLOOR, "app.db", "app.dependencies", "connectors.registry"))


# The first wall that names a module is its wall; what no wall names (main, cli, dependencies) puts the house together.
WALLS = (
    Wall(("app.sla", "app.sla.*"), ("app.sla",), ()),
    Wall(("app.complaint", "app.complaint.*"), FLOOR, ()),
    Wall(
        ("app.intake.merging", "app.intake.routing", "app.alerts.ladder"),
        (*FLOOR, "connectors.contract", "{room}"),
        (),
    ),
    Wall(("connectors.contract",), (), ()),
    Wall(("connectors.reading",), ("connectors.contract",), ()),
    Wall(("connectors.registry",), ("connectors",), ()),
    Wall(("connectors.*.mapping",), ("connectors.contract", "connectors.reading", "{room}"), ()),
    Wall(
        ("connectors.*",),
        (*CONNECTOR_TOOLS, "{room}"),
        never=("sqlalchemy", "apscheduler", "pydantic_settings", *WEB),
    ),
    Wall(("app.db.cursors",), (), ("psycopg",)),
    Wall(("app.db", "app.db.*"), ("app.db", *FLOOR), ("sqlalchemy", "alembic")),
    _room("app.intake", "connectors.contract"),
    *(_room(name) for name in WORKROOMS if name != "app.intake"),
    *(_door(name) for name in DOORS),
    Wall(("app.seed", "app.seed.*"), ("app.seed", "app.db", *FLOOR)),
    Wall(("app.demo", "app.demo.*"), ("app.demo", "app.seed"), never=("sqlalchemy", "apscheduler")),
    Wall(("app.clock", "app.settings", "app.outbound", "app.vault"), ()),
    Wall(("app.logs",), ("app.clock",)),
    Wall(("app.worker",), None, never=(*WEB, *DOORS)),
)
OURS = {"app", "connectors", "migrations", "tests"}


def forbidden(module: Module) -> list[str]:
    """What `module` imports and may not, each with its line."""
    wall = next((wall for wall in WALLS if any(fnmatch.fnmatchcase(module.name, who) for who in wall.who)), None)
    if wall is None:
        return []
    wrong = ((line, name) for line, name in module.imports() if not _is_allowed(module, wall, name))
    return [f"{module.path}:{line} imports {name}" for line, name in wrong]


def _is_allowed(module: Module, wall: Wall, name: str) -> bool:
    if any(_is_within(name, never) for never in wall.never):
        return False
    top = name.split(".")[0]
    if top in OURS:
        return wall.ours is None or any(_is_within(name, ours.format(room=module.room)) for ours in wall.ours)
    return top in sys.stdlib_module_names or wall.third_party is None or top in wall.third_party


def _is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_a_module_imports_only_what_its_room_may(module: Module) -> None:
    assert forbidden(module) == []


def test_rooms_import_each_other_in_no_circle() -> None:
    assert circle(_rooms()) == ()


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("app.sla.clock", "import sqlalchemy"),
        ("app.sla.clock", "from app.db import session"),
        ("app.complaint.privacy", "import httpx"),
        ("app.intake.merging", "from sqlalchemy import select"),
        ("app.intake.run", "from app.workqueue import actions"),
        ("app.intake.run", "from fastapi import Depends"),
        ("app.intake.run", "from connectors import registry"),
        ("app.units.status", "from connectors.contract import Batch"),
        ("app.db.complaints", "from app.intake import run"),
        ("app.api.units", "from app.dashboard import pages"),
        ("app.api.units", "from connectors.jaki import client"),
        ("app.worker", "from app.api import auth"),
        ("connectors.crm.mapping", "import httpx"),
        ("connectors.crm.client", "from connectors.jaki import mapping"),
        ("connectors.crm.client", "from app.clock import utc_now"),
        ("connectors.contract", "import httpx"),
    ],
)
def test_a_forbidden_import_is_found(name: str, line: str) -> None:
    assert forbidden(_module(name, line))


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("app.sla.clock", "from app.sla.calendars import compile_calendar"),
        ("app.intake.run", "from connectors.contract import Batch"),
        ("app.api.units", "from app.units import status"),
        ("connectors.registry", "from connectors.jaki import connector"),
        ("connectors.crm.client", "from . import mapping"),
    ],
)
def test_an_allowed_import_is_let_through(name: str, line: str) -> None:
    assert forbidden(_module(name, line)) == []


def test_a_circle_of_rooms_is_found() -> None:
    assert set(circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})) == {"a", "b", "c"}


def circle(graph: dict[str, set[str]]) -> tuple[str, ...]:
    """The rooms of one circle; empty when there is none."""
    rest = {room: set(uses) & graph.keys() for room, uses in graph.items()}
    while free := {room for room, uses in rest.items() if not uses & rest.keys()}:
        rest = {room: uses for room, uses in rest.items() if room not in free}
    used = set().union(*rest.values()) if rest else set()
    return tuple(sorted(room for room in rest if room in used))


def _rooms() -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {}
    for module in modules():
        uses = graph.setdefault(module.room, set())
        uses |= {".".join(name.split(".")[:2]) for _, name in module.imports()} - {module.room}
    return graph


def _module(name: str, text: str) -> Module:
    return Module(name, f"{name.replace('.', '/')}.py", text)
