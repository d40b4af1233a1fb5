"""`tanggap alerts test`: one message through a channel, with the settings of this installation."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer

from app.alerts.groups import find_room
from app.alerts.notifiers import CHAT, CONSOLE, EMAIL, WEBHOOK
from app.alerts.trials import Aim, Outcome, find_officer, find_operators, try_out
from app.alerts.webhooks import endpoint
from app.clock import utc_now
from app.commands.frame import FAILED, open_plant, run, say, show
from app.commands.sources import Json
from app.db.scope import WHOLE
from app.db.session import reading
from app.posting import open_post
from app.pulling import Plant


class Channel(StrEnum):
    """What can be tried."""

    CONSOLE = CONSOLE
    EMAIL = EMAIL
    CHAT = CHAT
    WEBHOOK = WEBHOOK


def test_channel(
    channel: Annotated[Channel, typer.Option(help="The channel to try.")],
    to: Annotated[
        str | None,
        typer.Option(
            metavar="USERNAME|WEBHOOK_ID",
            help="An officer, for email and chat; email without it goes to TANGGAP_OPERATOR_EMAIL. Or a webhook's id.",
        ),
    ] = None,
    rule: Annotated[str | None, typer.Option(help="The chat group of this alert rule, for chat.")] = None,
    as_json: Json = False,
) -> None:
    """Send one harmless message now and say what came of it; nothing of it is stored."""
    _check(channel, to, rule)
    outcomes = run(_test(channel, to, rule))
    if as_json:
        show({"items": outcomes}, as_json=True)
    else:
        _tell(outcomes)
    if not all(each.delivered for each in outcomes):
        raise typer.Exit(FAILED)


def _check(channel: Channel, to: str | None, rule: str | None) -> None:
    if rule is not None and (channel is not Channel.CHAT or to is not None):
        raise typer.BadParameter("--rule is for chat, and without --to")
    if channel is Channel.CONSOLE and to is not None:
        raise typer.BadParameter("the console is for nobody in particular: leave out --to")
    if channel is Channel.CHAT and to is None and rule is None:
        raise typer.BadParameter("chat needs --to USERNAME or --rule NAME")
    if channel is Channel.WEBHOOK and not (to and to.isascii() and to.isdigit() and len(to) < 10):
        raise typer.BadParameter("webhook needs --to ID, the number of the webhook")


def _tell(outcomes: Sequence[Outcome]) -> None:
    for each in outcomes:
        way = each.channel if each.to == each.channel else f"{each.channel} to {each.to}"
        if each.delivered:
            typer.echo(f"{way}: delivered ({each.answer}, {each.took_ms} ms)")
        else:
            say(f"tanggap: {way} was not delivered: {each.answer}")


async def _test(channel: Channel, to: str | None, rule: str | None) -> list[Outcome]:
    async with open_plant() as plant:
        aims = await _aims(plant, channel, to, rule)
        async with open_post(plant) as post:
            return [await try_out(post.notifiers[channel], aim, now=utc_now()) for aim in aims]


async def _aims(plant: Plant, channel: Channel, to: str | None, rule: str | None) -> list[Aim]:
    if rule is not None:
        async with reading(plant.engine) as connection:
            return [Aim(f"the group of {rule}", await find_room(connection, rule))]
    if channel is Channel.CONSOLE:
        return [Aim(CONSOLE, None)]
    if to is None:
        return find_operators(plant.settings.operator_email)
    async with reading(plant.engine) as connection:
        if channel is Channel.WEBHOOK:
            return [Aim(to, await endpoint(connection, int(to), WHOLE), int(to))]
        return [await find_officer(connection, to, channel)]
