"""Conversations become complaints: pure and total; the first letter is the complaint, later ones are added below it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from connectors import reading
from connectors.contract import Complainant, IncomingComplaint, Raw, Reject, hash_raw
from connectors.mailbox.letters import html_text

CHANNEL = "email"
_ANSWER = re.compile(r"^\s*(?:re|bls|balas|balasan|fw|fwd|trs)\s*(?:\[\d+\])?\s*:", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s@<>]{1,120}@[^\s@<>]{1,120}")
_ATTACHED = "Lampiran"
_LETTERS_LIMIT = 200

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Desk:
    """Whose mailbox it is: the zone in which times are written, and the unit that reads it, where there is one."""

    zone: tzinfo
    unit: str | None = None


def digest_id(letter: Raw) -> str:
    """The id of a letter that brings none of its own, or one that another letter has too."""
    return f"sha256-{hash_raw({name: value for name, value in letter.items() if name != 'received_at'})[:40]}"


def to_complaint(raw: object, desk: Desk) -> IncomingComplaint | Reject:
    """One conversation: `{"letters": [...], "is_shared_id": bool}`, the oldest letter first."""
    if not isinstance(raw, dict):
        return Reject({"value": raw}, "the record is not an object")
    given = raw.get("letters")
    letters = [one for one in given if isinstance(one, dict)][:_LETTERS_LIMIT] if isinstance(given, list) else []
    if not letters:
        return Reject(raw, "the conversation has no letter that can be read")
    first = letters[0]
    external_id = None if raw.get("is_shared_id") is True else reading.identifier(first.get("message_id"))
    external_id = external_id or digest_id(first)
    if first.get("is_automatic") is True:
        return Reject(raw, "a program wrote this message: an absence note, a bounce or a newsletter", external_id)
    reported = reading.instant(first.get("received_at"), zone=desk.zone)
    if reported is None:
        return Reject(raw, "neither the server nor the message says when it came", external_id)
    return _complaint(raw, letters, external_id, reported, desk)


def _complaint(
    raw: Raw, letters: Sequence[Fields], external_id: str, reported: reading.Instant, desk: Desk
) -> IncomingComplaint:
    notices: list[str] = []
    code = _ticket_code(letters)
    text = _text(letters, desk.zone, notices)
    subject = reading.verbatim(letters[0].get("subject"), notices, what="subject")
    quoted = reading.quoted_codes(f"{subject or ''}\n{text}", own=code)
    return IncomingComplaint(
        external_id=external_id,
        source_status=None,
        channel=CHANNEL,
        category=None,
        text=text,
        reported_at=reported.at,
        raw=raw,
        content_hash=hash_raw(raw),
        ticket_code=code,
        unit_label=desk.unit,
        subject=subject,
        # A letter is written to the city, not to the public.
        is_private=True,
        quoted_codes=quoted,
        complainant=_complainant(letters[0], notices),
        notices=tuple(dict.fromkeys(notices)),
    )


def _ticket_code(letters: Sequence[Fields]) -> str | None:
    """The ticket that a conversation is about: named in the subject of an answer, or in the ids of what it answers.

    A first letter that names a ticket only quotes it.
    """
    for letter in letters:
        subject = reading.plain(letter.get("subject")) or ""
        answers = letter.get("answers")
        ids = " ".join(one for one in answers if isinstance(one, str)) if isinstance(answers, list) else ""
        if ids or _ANSWER.match(subject):
            codes = reading.quoted_codes(f"{subject} {ids}", own=None)
            if codes:
                return codes[0]
    return None


def _text(letters: Sequence[Fields], zone: tzinfo, notices: list[str]) -> str:
    parts = [_body(letters[0], notices)]
    for letter in letters[1:]:
        at = reading.instant(letter.get("received_at"), zone=zone)
        head = at.at.astimezone(zone).strftime("[%Y-%m-%d %H:%M]") if at else "[?]"
        parts.append(f"{head}\n{_without_quotes(_body(letter, notices))}")
    whole = "\n\n".join(part for part in parts if part)
    return (reading.verbatim(whole, notices, what="text", limit=reading.TEXT_LIMIT) or "").strip()


def _body(letter: Fields, notices: list[str]) -> str:
    """The text of a letter, with the names of what was attached; the files themselves are not kept."""
    text = reading.plain(letter.get("text"))
    if text is None:
        text = html_text(reading.plain(letter.get("html")) or "")
    if letter.get("is_cut") is True:
        notices.append("a message over the size limit was read in part")
    given = letter.get("attachments")
    names = [name for name in given if isinstance(name, str)] if isinstance(given, list) else []
    attached = f"[{_ATTACHED}: {', '.join(names)}]" if names else ""
    return "\n".join(filter(None, (text.strip(), attached)))


def _without_quotes(text: str) -> str:
    """An answer without what it repeats of the letter before; all of it where nothing else is left."""
    lines = text.split("\n")
    kept = [line for line in lines if not line.lstrip().startswith(">")]
    if len(kept) == len(lines):
        return text
    first_quote = next(index for index, line in enumerate(lines) if line.lstrip().startswith(">"))
    before = [line for line in lines[:first_quote] if line.strip()]
    if before and before[-1].rstrip().endswith(":"):
        kept.remove(before[-1])
    return "\n".join(kept).strip() or text


def _complainant(letter: Fields, notices: list[str]) -> Complainant | None:
    name = reading.verbatim(letter.get("from_name"), notices, what="sender")
    address = reading.verbatim(letter.get("from_address"), notices, what="sender")
    if address is not None and not _ADDRESS.fullmatch(address):
        address = None
    return Complainant(name=name, email=address) if name or address else None
