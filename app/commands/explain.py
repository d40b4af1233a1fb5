"""`tanggap sla explain`: the account of one stored clock."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from app.clock import utc_now
from app.commands.frame import open_plant, run, show
from app.db.scope import WHOLE
from app.db.session import snapshot
from app.workqueue.account import prose
from app.workqueue.account_card import account_card
from app.workqueue.account_sums import table
from app.workqueue.detail import locate
from app.workqueue.explaining import Account, explain_clock
from app.workqueue.filters import Clock


class Language(StrEnum):
    """The languages of an account."""

    ID = "id"
    EN = "en"


def explain(
    code: Annotated[str, typer.Argument(help="Ticket code or id of the complaint.")],
    clock: Annotated[Clock | None, typer.Option(help="Which clock; without it the one that is due next.")] = None,
    cycle: Annotated[int | None, typer.Option(min=1, help="Which cycle; without it the newest.")] = None,
    policy: Annotated[str | None, typer.Option(help="Which policy; without it the one that is due first.")] = None,
    lang: Annotated[Language | None, typer.Option(help="Without it the installation's language.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As the REST interface answers.")] = False,
) -> None:
    """Account for every second of a clock: open hours, breaks, holidays with their decree, pauses, hand-overs."""
    account, language = run(_explain(code, clock, cycle, policy, lang))
    if as_json:
        show({**account_card(account, language), "as_of": account.as_of}, as_json=True)
        return
    typer.echo(prose(account, language))
    typer.echo("")
    typer.echo(table(account, language))


async def _explain(
    code: str, clock: Clock | None, cycle: int | None, policy: str | None, lang: Language | None
) -> tuple[Account, str]:
    async with open_plant() as plant, snapshot(plant.engine) as connection:
        language = str(lang or plant.settings.language)
        complaint_id = await locate(connection, code, WHOLE)
        rules = await plant.rulebooks.current(connection)
        account = await explain_clock(
            connection, complaint_id, rules, clock=clock, cycle=cycle, policy=policy, language=language, now=utc_now()
        )
        return account, language
