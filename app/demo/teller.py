"""From an arrival to a report: its subject, its words, its way through the offices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from random import Random

from app.demo.arrivals import Arrival
from app.demo.chance import Lottery, chance
from app.demo.lives import Route, live
from app.demo.places import Village, load_villages
from app.demo.report import Channel, Report
from app.demo.stories import Category, Handler, load_stories, pick

_CHANNELS = Lottery(tuple(Channel), (91, 3.4, 1.7, 0.9, 1.4, 0.9, 0.7))
_PRIVATE, _ANONYMOUS, _SPELT_OTHERWISE, _RATED = 0.22, 0.85, 0.15, 0.4


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is wrong, where, and who will have to mend it; the same for all who report it."""

    category: Category
    village: Village
    street: str
    point: tuple[float, float]
    handler: Handler


class Teller:
    """Tells the reports of one city; equal arrivals give equal reports."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._stories = load_stories()
        self._villages = load_villages(seed)
        self._detours = tuple(handler for handler in self._stories.handlers.values() if handler.top is not None)
        self._slowness = lru_cache(maxsize=1024)(self._draw_slowness)

    def tell(self, number: int, code: str, arrival: Arrival, quoted: str | None, *, is_rainy: bool) -> Report:
        """The report with this CRM number and ticket code; `quoted` is the earlier one that it goes on about."""
        subject = self._subject(Random(arrival.subject), is_rainy=is_rainy)  # noqa: S311
        tale = self._stories.tell(Random(arrival.wording), subject.category, subject.street)  # noqa: S311
        rng = Random(arrival.life)  # noqa: S311
        channel = _CHANNELS.draw(rng)
        is_jaki = channel is Channel.JAKI
        steps = live(rng, self._route(rng, subject, is_jaki=is_jaki), arrival.at)
        return Report(
            number=number,
            code=code,
            channel=channel,
            category=subject.category,
            crm_category=_spelling(rng, subject.category),
            village=subject.village,
            point=_pin(rng, subject.point, is_jaki=is_jaki),
            street=subject.street,
            near=tale.near,
            title=tale.title,
            text=f"Melanjutkan Laporan Sebelumnya No. {quoted}. {tale.text}" if quoted else tale.text,
            is_private=is_jaki and rng.random() < _PRIVATE,
            is_anonymous=rng.random() < _ANONYMOUS,
            photos=1 + int(rng.random() * 2.2) if is_jaki else int(rng.random() * 1.4),
            supports=int(rng.expovariate(0.6)),
            rating=1 + int(rng.random() ** 0.6 * 5) if rng.random() < _RATED else None,
            quirk=rng.random(),
            steps=steps,
            times=tuple(step.at for step in steps),
        )

    def _subject(self, rng: Random, *, is_rainy: bool) -> _Subject:
        category = self._stories.category(rng, is_rainy=is_rainy)
        village = self._villages.draw(rng)
        point = (village.lat + rng.gauss(0, 0.0015), village.lng + rng.gauss(0, 0.0015))
        handler = self._stories.handlers[category.handlers.draw(rng)]
        return _Subject(category, village, pick(rng, self._stories.streets), point, handler)

    def _route(self, rng: Random, subject: _Subject, *, is_jaki: bool) -> Route:
        """JAKI's reports start at the village office; of the others some start with nobody."""
        village, handler = subject.village, subject.handler
        top, worker = handler.units(village)
        return Route(
            first=village.unit if is_jaki or rng.random() < 0.6 else None,
            top=top,
            worker=worker,
            detour=pick(rng, self._detours).units(village)[0],
            work_hours=handler.work_hours,
            is_heavy=handler.is_heavy,
            slowness=self._slowness(worker),
        )

    def _draw_slowness(self, unit: str) -> float:
        """How much longer than others a unit takes for everything: from a bit more than half to twice."""
        return 0.55 + 1.45 * chance(self._seed, "slowness", unit).random() ** 2


def _spelling(rng: Random, category: Category) -> str:
    """The category as CRM spells it this time."""
    is_otherwise = bool(category.crm_labels) and rng.random() < _SPELT_OTHERWISE
    return pick(rng, category.crm_labels) if is_otherwise else category.name


def _pin(rng: Random, point: tuple[float, float], *, is_jaki: bool) -> tuple[float, float] | None:
    """Where a report is pinned: JAKI always pins, though now and then at (0, 0); other channels often do not."""
    roll = rng.random()
    if roll < 0.004:
        return 0.0, 0.0
    return point if is_jaki or roll < 0.45 else None
