"""`tanggap privacy`: the duties towards complainants, and the change of the key that seals what is theirs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import orjson
import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clock import utc_now
from app.commands.frame import open_plant, run, say, show
from app.commands.people import ACTOR
from app.commands.progress import Steps, showing
from app.commands.results import Output, written_to
from app.commands.sources import Json
from app.complaint.clocks import Rulebook
from app.complaint.errors import Conflict, DomainError
from app.db.scope import WHOLE
from app.db.session import reading, writing
from app.people import duties, keys, retention
from app.people.audit import Details, record
from app.people.duties import Act
from app.people.reasons import check_reason
from app.people.subject_access import Document, Subject, disclose, subject_of
from app.vault import Vault
from app.workqueue.detail import locate

privacy = typer.Typer(help="Personal data: access, restriction, erasure, retention, keys.", no_args_is_help=True)

Ref = Annotated[str, typer.Argument(metavar="REF", help="Ticket code or id of the complaint.")]
Why = Annotated[str, typer.Option("--reason", help="Why, for the record; no personal data in it.")]
Sure = Annotated[bool, typer.Option("--yes", help="Do it; without it only tell what would be done.")]


class Unreadable(DomainError):
    """Sealed values that no key at hand opens."""


@dataclass(frozen=True, slots=True)
class Case:
    """One complaint, in the transaction in which something is done about it."""

    connection: AsyncConnection
    complaint_id: int
    act: Act
    vault: Vault
    rules: Rulebook


_MOST_HOLDS = 10_000
Deed = Callable[[Case], Coroutine[Any, Any, object]]


@privacy.command("export")
def export(
    complaint: Annotated[str | None, typer.Option(help="Of this complaint: ticket code or id.")] = None,
    phone: Annotated[str | None, typer.Option(help="Of whoever has this telephone number.")] = None,
    email: Annotated[str | None, typer.Option(help="Of whoever has this e-mail address.")] = None,
    nik: Annotated[str | None, typer.Option(help="Of whoever has this NIK.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why, for the record; no personal data in it.")] = None,
    output: Output = None,
) -> None:
    """Write everything held about a complainant, with who has read it, as one JSON document; it is on record."""
    given = [each for each in (complaint, phone, email, nik) if each is not None]
    if len(given) != 1 or not given[0].strip():
        raise typer.BadParameter("give one of --complaint, --phone, --email and --nik")
    why = None if reason is None else check_reason(reason)
    wanted = complaint if complaint is not None else subject_of(phone=phone, email=email, nik=nik)
    with written_to(output) as file:
        document = run(_export(wanted, why))
        file.write(orjson.dumps(document, option=orjson.OPT_UTC_Z | orjson.OPT_INDENT_2) + b"\n")
    say(f"{len(document['complaints'])} complaints.")


@privacy.command("restrict")
def restrict(ref: Ref, reason: Why, as_json: Json = False) -> None:
    """Close words and identity of a complaint to all but administrators; its clocks go on."""
    _show_done(ref, reason, lambda case: _set_restriction(case, is_restricted=True), as_json, is_restricted=True)


@privacy.command("unrestrict")
def unrestrict(ref: Ref, reason: Why, as_json: Json = False) -> None:
    """Open words and identity again to those who may read them."""
    _show_done(ref, reason, lambda case: _set_restriction(case, is_restricted=False), as_json, is_restricted=False)


@privacy.command("hold")
def hold(ref: Ref, reason: Why, as_json: Json = False) -> None:
    """Keep a complaint as it is: nothing of it is erased or purged until it is released."""
    _show_done(
        ref, reason, lambda case: duties.hold(case.connection, case.complaint_id, case.act), as_json, is_held=True
    )


@privacy.command("release")
def release(ref: Ref, reason: Why, as_json: Json = False) -> None:
    """End a legal hold."""
    _show_done(
        ref, reason, lambda case: duties.release(case.connection, case.complaint_id, case.act), as_json, is_held=False
    )


@privacy.command("holds")
def holds(as_json: Json = False) -> None:
    """Which complaints are under legal hold, why and since when."""
    found = run(_holds())
    if as_json:
        show({"items": [asdict(each) for each in found]}, as_json=True)
        return
    for each in found:
        name = each.ticket_code or f"#{each.complaint_id}"
        typer.echo(f"{name:<16} {each.placed_at:%Y-%m-%d} {each.placed_by:<16} {each.reason}")
    if not found:
        say("No complaint is under legal hold.")


async def _holds() -> list[duties.Hold]:
    async with open_plant() as plant, reading(plant.engine) as connection:
        return await duties.list_holds(connection, limit=_MOST_HOLDS)


@privacy.command("erase")
def erase(
    ref: Ref,
    reason: Why,
    with_words: Annotated[bool, typer.Option("--with-words", help="All words too, not just what names them.")] = False,
    is_sure: Annotated[bool, typer.Option("--yes", help="Do it: nothing brings it back.")] = False,
    as_json: Json = False,
) -> None:
    """Erase who complained, for good: identity, raw records, names and numbers in the words. Figures stay."""
    deed = duties.erase if is_sure else duties.rehearse_erasure
    complaint_id, erased = run(_do(ref, reason, lambda case: _erase(case, deed, with_words=with_words)))
    assert isinstance(erased, duties.Erased)
    if not is_sure:
        raise Conflict(
            f"nothing was erased: {erased.identities} identities, {erased.records} raw records and {erased.rejects} "
            "records kept aside would go; add --yes once you are sure, since nothing brings them back"
        )
    show({"complaint_id": complaint_id, **asdict(erased)}, as_json=as_json)


@privacy.command("purge")
def purge(is_sure: Sure = False, as_json: Json = False) -> None:
    """Let go what the retention settings no longer keep; a worker does it by itself every few hours."""
    done = run(_purge(is_sure=is_sure))
    if as_json:
        show({"is_rehearsal": not is_sure, "groups": [asdict(each) for each in done]}, as_json=True)
        return
    for each in done:
        verb = "gone" if is_sure else "would go"
        typer.echo(f"{each.group}: {f'{each.count} {verb}' if each.cut_off else 'kept, no retention is set'}")


@privacy.command("rotate-key")
def rotate_key(as_json: Json = False) -> None:
    """Seal everything under TANGGAP_DATA_KEY that a key of TANGGAP_DATA_KEY_OLD sealed, while the service runs."""
    with showing("sealing anew") as step:
        done = run(_rotate(step))
    show({"resealed": done.resealed, "unreadable": done.unreadable}, as_json=as_json)
    if done.unreadable:
        raise Unreadable(
            f"{done.unreadable} values are under a key that is not at hand: add it to TANGGAP_DATA_KEY_OLD"
        )


async def _export(wanted: str | Subject, reason: str | None) -> Document:
    async with open_plant() as plant:
        async with reading(plant.engine) as connection:
            found = wanted if isinstance(wanted, Subject) else await locate(connection, wanted, WHOLE)
        with showing("looking through identities") as step:
            tell = lambda done: step(done, None, f"{done} looked at")  # noqa: E731 - it is one
            return await disclose(
                plant.engine, plant.vault, found, actor=ACTOR, reason=reason, clock=utc_now, tell=tell
            )


def _show_done(ref: str, reason: str, deed: Deed, as_json: bool, **told: bool) -> None:
    complaint_id, _ = run(_do(ref, reason, deed))
    show({"complaint_id": complaint_id, **told}, as_json=as_json)


async def _do(ref: str, reason: str, deed: Deed) -> tuple[int, object]:
    """The complaint's id and what the deed gave, in one transaction."""
    why = check_reason(reason)
    async with open_plant() as plant, writing(plant.engine) as connection:
        complaint_id = await locate(connection, ref, WHOLE)
        rules = await plant.rulebooks.current(connection)
        act = Act(actor=ACTOR, reason=why, at=utc_now())
        return complaint_id, await deed(Case(connection, complaint_id, act, plant.vault, rules))


async def _set_restriction(case: Case, *, is_restricted: bool) -> None:
    await duties.set_restriction(case.connection, case.complaint_id, case.act, case.rules, is_restricted=is_restricted)


async def _erase(case: Case, deed: Callable[..., Awaitable[duties.Erased]], *, with_words: bool) -> duties.Erased:
    return await deed(case.connection, case.complaint_id, case.act, case.vault, case.rules, with_words=with_words)


async def _purge(*, is_sure: bool) -> list[retention.Purged]:
    async with open_plant() as plant:
        terms = retention.terms_of(plant.settings, ACTOR, at=utc_now())
        if not is_sure:
            return await retention.foresee(plant.engine, terms)
        return await retention.purge(plant.engine, terms, plant.vault, plant.rulebooks)


async def _rotate(step: Steps) -> keys.Rotated:
    async with open_plant() as plant:
        done = await keys.rotate(plant.engine, plant.vault, lambda count: step(count, None, f"{count} done"))
        async with writing(plant.engine) as connection:
            details: Details = {"resealed": done.resealed, "unreadable": done.unreadable}
            now = utc_now()
            await record(
                connection, actor=ACTOR, action="privacy.rotate_key", subject="data key", details=details, now=now
            )
        return done
