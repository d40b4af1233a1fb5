"""What if, over REST: a past period under another target or calendar, by unit; nothing is changed."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from app.api.auth import SupervisorDep
from app.api.bodies import Sent
from app.api.instants import parse_from, parse_to
from app.api.rule_answers import TargetBody
from app.complaint.errors import InvalidInput
from app.dependencies import HouseDep, Now, Surveying
from app.rules.impact import unit_names
from app.rules.what_if import Question, ask
from app.sla.clock import parse_target

router = APIRouter(prefix="/sla", tags=["sla"])

When = Annotated[str, Field(max_length=40)]


class WhatIfBody(Sent):
    """A policy, what is supposed of it (a target, a calendar or both), and the days on which the cycles started."""

    policy: Annotated[str, Field(min_length=1, max_length=60)]
    target: TargetBody | None = None
    calendar: Annotated[str | None, Field(min_length=1, max_length=60)] = None
    from_: Annotated[When, Field(alias="from", description="An instant, or a local day.")]
    to: Annotated[When, Field(description="An instant (excluded), or a local day (included).")]


@router.post("/what-if")
async def what_if(
    asked: WhatIfBody, connection: Surveying, house: HouseDep, caller: SupervisorDep, now: Now
) -> dict[str, Any]:
    """The same cycles twice, by unit: under the rules in force and under what is supposed.

    An open cycle past its due time is missed; one with time left is running.
    """
    target = parse_target(asked.target.model_dump(exclude_unset=True)) if asked.target is not None else None
    since = parse_from(asked.from_, "from", house.settings.zone)
    until = parse_to(asked.to, "to", house.settings.zone)
    if since is None or until is None:
        raise InvalidInput("from", "is required")
    question = Question(policy=asked.policy, since=since, until=until, target=target, calendar=asked.calendar)
    rules = await house.rulebooks.current(connection)
    answer = await ask(connection, rules, question, scope=caller.scope, now=now)
    return answer.to_json(await unit_names(connection))
