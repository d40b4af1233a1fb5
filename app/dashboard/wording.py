"""PURE: how figures, spans and instants are written for people, in Indonesian or English."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal
from babel.units import format_unit

from app.alerts.catalogue import CLOCKS
from app.complaint.events import EventKind
from app.complaint.lifecycle import Move
from app.dashboard.case_words import CASE_WORDS
from app.dashboard.catalogue import WORDS
from app.dashboard.steps import FIELDS, Problem
from app.sla.scorecard import AGE_LIMITS, Scorecard
from app.sla.speech import Speech
from app.units.catalogue import say_pace, say_risks, say_signal
from app.units.figures import percent
from app.units.pace import Outlook, Pace, Verdict
from app.units.signs import Finding
from app.workqueue.catalogue import MOVES
from app.workqueue.shapes import HistoryEntry, NextDue

_INSTANT = {"id": "d MMM yyyy HH.mm", "en": "d MMM yyyy HH:mm"}
_MOMENT = {"id": "d MMM HH.mm", "en": "d MMM HH:mm"}
_GOOD, _FAIR = 90, 75


@dataclass(frozen=True, slots=True)
class Wording:
    """The language that is read and the zone that people live in."""

    language: str
    zone: ZoneInfo

    @property
    def words(self) -> Mapping[str, str]:
        """Every word of the pages, by name."""
        return WORDS[self.language]

    @property
    def case(self) -> Mapping[str, str]:
        """Every word of a complaint's page and of the queue, by name."""
        return CASE_WORDS[self.language]

    def happened(self, entry: HistoryEntry) -> str:
        """What an entry of a history says, in a few words."""
        if entry["move"] is not None:
            return MOVES[self.language][entry["move"]]
        return self.case[f"kind_{entry['kind']}"]

    def reason(self, entry: HistoryEntry) -> str | None:
        """Why an entry came about; where nobody wrote it, in the reader's language."""
        if entry["kind"] == EventKind.EXPIRED:
            return self.case["ended_pause" if entry["move"] is None else "ended_claim"]
        if entry["move"] == Move.RELEASE and entry["actor"] is None:
            return self.case["ended_by_leaving"]
        return entry["reason"]

    def trouble(self, problem: Problem) -> str:
        """Why a form came to nothing."""
        field = problem.gaps.get("field", "")
        gaps = {**problem.gaps, "field": self.case.get(FIELDS.get(field, field), field)}
        return self.case[problem.word].format(**gaps)

    def left(self, due: NextDue, late_s: int | None) -> str:
        """The counted time that is left, or how long it is late."""
        if late_s is not None:
            return f"{self.case['is_late']} {self.span(late_s)}"
        return f"{self.case['time_left']} {self.span(due['remaining_seconds'])}"

    def clock(self, name: str) -> str:
        """A clock by its name for people."""
        return CLOCKS[self.language].get(name, name)

    def number(self, value: float) -> str:
        """A number with the language's own marks."""
        return str(format_decimal(value, locale=self.language))

    def percent(self, part: int, whole: int) -> str:
        """A share, cut to one decimal: 99.96 % is not 100 %; a dash of nothing."""
        share = percent(part, whole)
        return "–" if share is None else f"{format_decimal(int(share * 10) / 10, locale=self.language)}%"

    def compliance(self, card: Scorecard) -> str:
        """The share of what was due that was met."""
        return self.percent(card.met, judged(card))

    def span(self, seconds: float | None) -> str:
        """A span in its two largest units, cut to the minute; a dash of none.

        >>> Wording("id", ZoneInfo("Asia/Jakarta")).span(93_780)
        '1 hari 2 jam'
        """
        if seconds is None:
            return "–"
        minutes = int(seconds) // 60
        sizes = {"day": minutes // 1440, "hour": minutes // 60 % 24, "minute": minutes % 60}
        first = next((unit for unit, amount in sizes.items() if amount), None)
        if first is None:
            return self.words["moment"]
        shown = list(sizes)[list(sizes).index(first) :][:2]
        parts = ((unit, sizes[unit]) for unit in shown if sizes[unit])
        return " ".join(format_unit(amount, f"duration-{unit}", "long", locale=self.language) for unit, amount in parts)

    def instant(self, at: datetime) -> str:
        """An instant in the city's time, to the minute, with the zone's name."""
        return (
            f"{format_datetime(at, _INSTANT[self.language], tzinfo=self.zone, locale=self.language)} {self._zone(at)}"
        )

    def moment(self, at: datetime) -> str:
        """The same without year and zone, for tables that say them above."""
        return str(format_datetime(at, _MOMENT[self.language], tzinfo=self.zone, locale=self.language))

    def day(self, on: date) -> str:
        """A day of the trend."""
        return str(format_date(on, "d MMM", locale=self.language))

    def month(self, first: date) -> str:
        """A month with its year."""
        return str(format_date(first, "LLLL yyyy", locale=self.language))

    def signal(self, found: Finding) -> str:
        """What a signal found, as a sentence."""
        names = ", ".join(found.sources)
        return say_signal(self.language, found.sign, count=found.count, of=found.of, share=found.share, sources=names)

    def risks(self, outlook: Outlook) -> str:
        """What will be overdue before a unit opens again, as a sentence."""
        counts = {"while_open": outlook.while_open, "while_closed": outlook.while_closed}
        return say_risks(Speech(self.language, self.zone), outlook.hours, **counts)

    def pace(self, outlook: Outlook) -> str:
        """What becomes of a backlog, as a sentence."""
        return say_pace(Speech(self.language, self.zone), outlook.pace)

    def days_to_clear(self, pace: Pace) -> str:
        """The working days that a backlog takes, or why it has none."""
        if pace.days_to_clear is not None:
            return self.number(pace.days_to_clear)
        return {Verdict.DONE: "–", Verdict.UNKNOWN: self.words["no_pace"]}.get(pace.verdict, self.words["never"])

    def ages(self) -> list[str]:
        """The names of the ageing buckets, youngest first."""
        days = [limit.days for limit in AGE_LIMITS]
        unit = self.words["days"]
        between = (f"{low}–{high} {unit}" for low, high in pairwise(days))
        return [f"≤ {days[0]} {self.words['day']}", *between, f"> {days[-1]} {unit}"]

    def _zone(self, at: datetime) -> str:
        # Only the Indonesian locale knows WIB, WITA and WIT by name; English would say +0700.
        return str(format_datetime(at, "z", tzinfo=self.zone, locale="id"))


def judged(card: Scorecard) -> int:
    """The cohort: what was due in the period, whatever became of it."""
    return card.met + card.missed + card.running_overdue


def grade(card: Scorecard) -> str:
    """How well a clock is kept, as a class of the style sheet: the figure beside it says the same in digits."""
    return grade_of(card.met, judged(card))


def grade_of(met: int, due: int) -> str:
    """The same of any figures."""
    share = percent(met, due)
    if share is None:
        return "none"
    return "good" if share >= _GOOD else "fair" if share >= _FAIR else "poor"
