"""Every route of the document, asked in every role, by nobody, and by those of another unit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from app.api.documents import describe
from app.complaint.roles import Role
from tests.api.door import Door
from tests.api.route_rules import HELD_BY_A_UNIT, RULES, Rule
from tests.workqueue.desk import DAY, NOON, Desk

MARKER = "Saluran mampet di Gang Kenanga Selatan"
PLACES = {"ref": "JK1", "code": "kelurahan-a", "name": "crm", "clock": "respond", "source": "crm"}
FOREIGN = {"ref": "JK2", "code": "kelurahan-b", "alert_id": "1", "token_id": "1", "officer_id": "4", "webhook_id": "1"}
ABSENT = {"ref": "JK9", "code": "kelurahan-z"}
Route = tuple[str, str]


@pytest.fixture
def dialect() -> str:
    """The walk asks whom a route lets in, hundreds of times; what each database finds has tests of its own."""
    return "postgresql"


@dataclass
class City:
    """The door of a city in which JK1 lies with one kelurahan and JK2 with another."""

    door: Door

    def routes(self) -> list[Route]:
        paths = describe(self.door.app)["paths"]
        return [(method.upper(), path) for path, operations in paths.items() for method in operations]

    async def ask(self, route: Route, headers: dict[str, str], **places: str) -> httpx.Response:
        method, path = route
        url = re.sub(r"{(\w+)}", lambda part: places.get(part[1], PLACES.get(part[1], "999")), path)
        if path.endswith("/stream"):
            # It would never end: who may open it is asked first, then where to begin.
            url += "?cursor=x"
        rule = RULES.get(route)
        body = None if method in ("GET", "DELETE") else dict(rule.body or {}) if rule else {}
        return await self.door.client.request(method, url, headers=headers, json=body)


@pytest.fixture
async def city(door: Door) -> City:
    door.clock.now = NOON
    desk = Desk(door.house.engine, door.house.rulebooks, door.house.vault)
    await desk.build()
    await desk.report("JK1", NOON - 2 * DAY, unit="kelurahan-a")
    await desk.report("JK2", NOON - 2 * DAY, unit="kelurahan-b", text=MARKER, subject=MARKER, address=MARKER)
    await door.token(Role.ADMIN, "kelurahan-b")
    return City(door)


def known(city: City) -> Iterator[tuple[Route, Rule]]:
    yield from ((route, RULES[route]) for route in city.routes() if route in RULES)


async def test_every_route_has_a_rule(city: City) -> None:
    """Say in `route_rules.py` who may ask a new one."""
    assert sorted(set(city.routes()) - RULES.keys()) == []


async def test_nobody_gets_nothing_but_what_is_open(city: City) -> None:
    for route, rule in known(city):
        answer = await city.ask(route, {})
        if not rule.is_open:
            assert answer.status_code == 401, (route, answer.status_code)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("unit", ["", "kelurahan-a"], ids=["whole", "one-unit"])
async def test_a_role_gets_what_its_rule_says_and_nothing_else(city: City, role: Role, unit: str) -> None:
    headers = await city.door.token(role, *filter(None, [unit]))
    wrong = []
    for route, rule in known(city):
        if rule.is_open or not rule.roles:
            continue
        may = role in rule.roles and not (rule.whole and unit)
        answer = await city.ask(route, headers)
        if (answer.status_code != 403) is not may or answer.status_code in (401, 500):
            wrong.append((*route, answer.status_code))
    assert wrong == []


@pytest.mark.parametrize("role", list(Role))
async def test_what_is_foreign_answers_like_what_is_absent(city: City, role: Role) -> None:
    headers = await city.door.token(role, "kelurahan-a")
    wrong = []
    for route, rule in known(city):
        held = set(re.findall(r"{(\w+)}", route[1])) & HELD_BY_A_UNIT
        if rule.is_open or not held or "categories" in route[1]:
            continue
        foreign = await city.ask(route, headers, **FOREIGN)
        absent = await city.ask(route, headers, **ABSENT)
        is_alike = (foreign.status_code, _blind(foreign)) == (absent.status_code, _blind(absent))
        if not is_alike or foreign.status_code < 400 or foreign.status_code >= 500:
            wrong.append((*route, foreign.status_code, foreign.text[:200], absent.text[:200]))
    assert wrong == []


@pytest.mark.parametrize("role", list(Role))
async def test_no_answer_tells_of_another_units_complaint(city: City, role: Role) -> None:
    headers = await city.door.token(role, "kelurahan-a")
    told = []
    for route, _ in known(city):
        answer = await city.ask(route, headers)
        if MARKER in answer.text or "JK2" in answer.text:
            told.append(route)
    assert told == []


def _blind(answer: httpx.Response) -> str:
    """The answer without the name that was asked for."""
    names = [*FOREIGN.values(), *ABSENT.values(), "999"]
    return re.sub(rf"\b({'|'.join(map(re.escape, names))})\b", "N", answer.text)
