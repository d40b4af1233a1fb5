"""How messages are worded: one sentence for each alert, and whole letters of every kind, in Indonesian and English."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from html import escape
from urllib.parse import quote
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.units import format_unit

from app.alerts.catalogue import CLOCKS, INCIDENTS, LETTERS, TEXTS
from app.alerts.contents import (
    AlertFacts,
    Alerts,
    Content,
    Correction,
    Digest,
    DigestItem,
    Incident,
    Trial,
    seconds_late,
)
from app.alerts.ladder import BREACH_STEP

_MORNING = time(7, 30)
"""When the digests of a day are made."""


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence, with the address behind it where there is one."""

    text: str
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """A message in one language: what it is called, what it says, and how it ends."""

    subject: str
    lines: tuple[Line, ...]
    ending: str
    language: str

    @property
    def text(self) -> str:
        """The letter without markup."""
        said = [f"{line.text}\n{line.link}" if line.link else line.text for line in self.lines]
        return "\n\n".join([*said, f"-- \n{self.ending}"]) + "\n"

    @property
    def html(self) -> str:
        """The letter as a page; whatever stands in it is text."""
        said = "\n".join(_paragraph(line) for line in self.lines)
        return (
            f'<!doctype html>\n<html lang="{self.language}">\n<head><meta charset="utf-8">'
            f"<title>{escape(self.subject)}</title></head>\n"
            f'<body style="font-family:sans-serif;line-height:1.5">\n<h1 style="font-size:1.1em">'
            f"{escape(self.subject)}</h1>\n{said}\n<hr>\n<p><small>{escape(self.ending)}</small></p>\n</body>\n</html>\n"
        )


@dataclass(frozen=True, slots=True)
class Wording:
    """Where this installation is: the zone that people read, and the address that links begin with."""

    zone: ZoneInfo
    public_url: str | None = None

    def link(self, about: AlertFacts | DigestItem) -> str | None:
        """Where the complaint can be read; None while the installation has no public address."""
        if self.public_url is None:
            return None
        return f"{self.public_url}/complaints/{quote(about.ticket_code or str(about.complaint_id), safe='')}"

    def text(self, facts: AlertFacts, language: str) -> str:
        """The alert as one sentence or two, with the link behind it; equal for every attempt to deliver it."""
        sentence, link = self._sentence(TEXTS[language][facts.level], facts, language), self.link(facts)
        return f"{sentence} {link}" if link else sentence

    def letter(self, content: Content, language: str) -> Letter:
        """The whole message; equal for every attempt to deliver it."""
        match content:
            case Alerts():
                subject, lines = self._alerts(content, language)
            case Correction(facts=facts):
                subject = _filled(LETTERS[language]["correction_subject"], _named(facts[0], language))
                pattern = LETTERS[language]["correction"]
                lines = [Line(self._sentence(pattern, each, language), self.link(each)) for each in facts]
            case Digest():
                subject, lines = self._digest(content, language)
            case Incident():
                subject, lines = self._incident(content, language)
            case Trial(at=at):
                subject = LETTERS[language]["trial_subject"]
                lines = [Line(_filled(LETTERS[language]["trial"], {"at": self._instant(at, language)}))]
        return Letter(_one_line(subject), tuple(lines), LETTERS[language]["ending"], language)

    def morning(self, digest: Digest) -> datetime:
        """When the digest is of: what its lateness counts to, whenever it is sent."""
        return datetime.combine(digest.on, _MORNING, self.zone)

    def _alerts(self, alerts: Alerts, language: str) -> tuple[str, list[Line]]:
        first, words = alerts.facts[0], LETTERS[language]
        said = [(TEXTS[language][each.level], each) for each in alerts.facts]
        lines = [Line(self._sentence(pattern, each, language), self.link(each)) for pattern, each in said]
        lines += [Line(words["told_for"])] if alerts.is_for_another else []
        lines += [Line(words["told_instead"])] if alerts.is_instead else []
        return _filled(words[f"{first.level}_subject"], _named(first, language)), lines

    def _digest(self, digest: Digest, language: str) -> tuple[str, list[Line]]:
        words = LETTERS[language]
        day = format_date(digest.on, words["day"], locale=language)
        counts = {"day": day, "overdue": str(digest.overdue), "today": str(digest.due_today)}
        lines = [Line(_filled(words["digest"], counts))]
        morning = self.morning(digest)
        lines += [Line(self._item(item, morning, language), self.link(item)) for item in digest.items]
        if more := digest.overdue + digest.due_today - len(digest.items):
            lines.append(Line(_filled(words["digest_more"], {"more": str(more)}), self._queue_link()))
        return _filled(words["digest_subject"], counts), lines

    def _item(self, item: DigestItem, as_of: datetime, language: str) -> str:
        late = seconds_late(item.due_at, as_of)
        named = _named(item, language) | {
            "due": self._instant(item.due_at, language),
            "late": _span(timedelta(seconds=late), language),
        }
        return _filled(LETTERS[language]["digest_late" if late else "digest_due"], named)

    def _incident(self, incident: Incident, language: str) -> tuple[str, list[Line]]:
        words, (what, advice) = LETTERS[language], say_matter(incident.key, incident.what, incident.about, language)
        kind = "incident_over" if incident.is_over else "incident_again" if incident.is_reminder else "incident"
        line = Line(_filled(words[kind], {"what": what, "since": self._instant(incident.since, language)}))
        lines = [line] if incident.is_over or advice is None else [line, Line(advice)]
        return _filled(words[f"{kind}_subject"], {"what": what}), lines

    def _sentence(self, pattern: str, facts: AlertFacts, language: str) -> str:
        named = _named(facts, language) | {
            "due": self._instant(facts.due_at, language),
            "late": _span(timedelta(seconds=facts.late_s), language),
            "percent": str(facts.step),
            "nth": str(facts.step - BREACH_STEP),
        }
        return _filled(pattern, named)

    def _queue_link(self) -> str | None:
        return f"{self.public_url}/" if self.public_url else None

    def _instant(self, at: datetime, language: str) -> str:
        # Only the Indonesian locale knows WIB, WITA and WIT by name; English would say +0700.
        zone = format_datetime(at, "z", tzinfo=self.zone, locale="id")
        return f"{format_datetime(at, TEXTS[language]['date'], tzinfo=self.zone, locale=language)} {zone}"


def say_matter(key: str, what: str, about: Mapping[str, str], language: str) -> tuple[str, str | None]:
    """What is wrong with this installation as part of a sentence, and what to do about it."""
    known = INCIDENTS[language]
    named = _Named({"key": key, **about})
    return _one_line(known.get(what, known["other"]).format_map(named)), known.get(f"{what}_advice")


class _Named(dict[str, str]):
    """What a sentence names; what was not kept at the time is a question mark."""

    def __missing__(self, name: str) -> str:
        return "?"


def _named(about: AlertFacts | DigestItem, language: str) -> dict[str, str]:
    return {
        "code": about.ticket_code or f"#{about.complaint_id}",
        "clock": CLOCKS[language].get(about.clock, about.clock),
        "unit": about.unit_name or TEXTS[language]["unrouted"],
    }


def _filled(pattern: str, values: Mapping[str, str]) -> str:
    return _one_line(pattern.format(**values))


def _one_line(text: str) -> str:
    """The text without line breaks and other controls: a name from outside must not begin a header or a line."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _paragraph(line: Line) -> str:
    link = f'<br><a href="{escape(line.link)}">{escape(line.link)}</a>' if line.link else ""
    return f"<p>{escape(line.text)}{link}</p>"


def _span(span: timedelta, language: str) -> str:
    """A span in its two largest units, cut to the minute."""
    minutes = int(span.total_seconds()) // 60
    sizes = {"day": minutes // 1440, "hour": minutes // 60 % 24, "minute": minutes % 60}
    units = [(unit, amount) for unit, amount in sizes.items() if amount][:2]
    if not units:
        return TEXTS[language]["moment"]
    return " ".join(format_unit(amount, f"duration-{unit}", "long", locale=language) for unit, amount in units)
