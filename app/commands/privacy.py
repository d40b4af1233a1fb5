"""`tanggap privacy`: the duties towards complainants, and the change of the key that seals what is theirs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import orjson
import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from app.chores import retention_terms
from app.clock import utc_now
from app.commands.frame import open_plant, run, say, show
from app.commands.people import ACTOR
from app.commands.progress import Steps, showing
from app.commands.results import Output, written_to
from app.commands.sources import Json
from app.complaint.clocks import Rulebook
from app.complaint.errors import Conflict, DomainError, InvalidInput
from app.db.scope import WHOLE
from app.db.session import snapshot, writing
from app.people import duties, keys, retention, subject_access
from app.people.audit import Details, record
from app.people.duties import Act
from app.people.subject_access import Document, Subject
from app.vault import Vault
from app.workqueue.detail import locate

privacy = typer.Typer(help="Personal data: access, restriction, erasure, retention, keys.", no_args_is_help=True)

Ref = Annotated[str, typer.Argument(metavar="REF", help="Ticket code or id of the complaint.")]
Why = Annotated[str, typer.Option("--reason", help="Why, for the record; no personal data in it.")]
Sure = Annotated[bool, typer.Option("--yes", help="Do it; without it only tell what would be done.")]

_SHORTEST_REASON, _SHORTEST_NUMBER, _NIK_DIGITS = 10, 7, 16


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


Deed = Callable[[Case], Coroutine[Any, Any, object]]


@privacy.command("export")
def export(
    complaint: Annotated[str | None, typer.Option(help="Of this complaint: ticket code or id.")] = None,
    phone: Annotated[str | None, typer.Option(help="Of whoever has this telephone number.")] = None,
    email: Annotated[str | None, typer.Option(help="Of whoever has this e-mail address.")] = None,
    nik: Annotated[str | None, typer.Option(help="Of whoever has this NIK.")] = None,
    output: Output = None,
) -> None:
    """Write everything held about a complainant, with who has read it, as one JSON document; it is on record."""
    given = [each for each in (complaint, phone, email, nik) if each is not None]
    if len(given) != 1 or not given[0].strip():
        raise typer.BadParameter("give one of --complaint, --phone, --email and --nik")
    subject = None if complaint is not None else _subject(phone, email, nik)
    with written_to(output) as file:
        document = run(_export(complaint, subject))
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


@privacy.command("erase")
def erase(
    ref: Ref,
    reason: Why,
    with_words: Annotated[bool, typer.Option("--with-words", help="All words too, not just what names them.")] = False,
    is_sure: Annotated[bool, typer.Option("--yes", help="Do it: nothing brings it back.")] = False,
    as_json: Json = False,
) -> None:
    """Erase who complained, for good: identity, raw records, names and numbers in the words. Figures stay."""
    if not is_sure:
        raise Conflict("nothing was erased: add --yes once you are sure, since nothing brings it back")
    complaint_id, erased = run(_do(ref, reason, lambda case: _erase(case, with_words=with_words)))
    assert isinstance(erased, duties.Erased)
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


def _subject(phone: str | None, email: str | None, nik: str | None) -> Subject:
    """Whoever is asked after.

    Raises: InvalidInput, for what is too short to tell anybody from others.
    """
    subject = Subject(phone=phone, email=email, nik=nik)
    if phone is not None and len(subject.mark) < _SHORTEST_NUMBER:
        raise InvalidInput("phone", f"needs {_SHORTEST_NUMBER} digits or more")
    if nik is not None and len(subject.mark) != _NIK_DIGITS:
        raise InvalidInput("nik", f"has {_NIK_DIGITS} digits")
    if email is not None and "@" not in email:
        raise InvalidInput("email", "is no e-mail address")
    return subject


async def _export(ref: str | None, subject: Subject | None) -> Document:
    async with open_plant() as plant:
        with showing("looking through identities") as step:
            async with snapshot(plant.engine) as connection:
                if subject is None:
                    found = [await locate(connection, ref or "", WHOLE)]
                else:
                    tell = lambda done: step(done, None, f"{done} looked at")  # noqa: E731 - it is one
                    found = await subject_access.find_complaints(connection, subject, plant.vault, tell)
        async with writing(plant.engine) as connection:
            for complaint_id in found:
                subject_ = f"complaint:{complaint_id}"
                now = utc_now()
                await record(connection, actor=ACTOR, action="privacy.export", subject=subject_, now=now)
        async with snapshot(plant.engine) as connection:
            rejects = subject_access.find_rejects(connection, subject, plant.vault) if subject else None
            return {
                "made_at": utc_now(),
                "complaints": [await subject_access.held_about(connection, each, plant.vault) for each in found],
                "rejects": [each async for each in rejects] if rejects else [],
            }


def _show_done(ref: str, reason: str, deed: Deed, as_json: bool, **told: bool) -> None:
    complaint_id, _ = run(_do(ref, reason, deed))
    show({"complaint_id": complaint_id, **told}, as_json=as_json)


async def _do(ref: str, reason: str, deed: Deed) -> tuple[int, object]:
    """The complaint's id and what the deed gave, in one transaction."""
    if len(reason.strip()) < _SHORTEST_REASON:
        raise InvalidInput("reason", f"must say why, in at least {_SHORTEST_REASON} characters")
    async with open_plant() as plant, writing(plant.engine) as connection:
        complaint_id = await locate(connection, ref, WHOLE)
        rules = await plant.rulebooks.current(connection)
        act = Act(actor=ACTOR, reason=reason.strip(), at=utc_now())
        return complaint_id, await deed(Case(connection, complaint_id, act, plant.vault, rules))


async def _set_restriction(case: Case, *, is_restricted: bool) -> None:
    await duties.set_restriction(case.connection, case.complaint_id, case.act, case.rules, is_restricted=is_restricted)


async def _erase(case: Case, *, with_words: bool) -> duties.Erased:
    return await duties.erase(
        case.connection, case.complaint_id, case.act, case.vault, case.rules, with_words=with_words
    )


async def _purge(*, is_sure: bool) -> list[retention.Purged]:
    async with open_plant() as plant:
        terms = retention_terms(plant.settings, ACTOR, now=utc_now())
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
