"""The rules in force as one value: which policies there are, which calendar a clock counts on."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, tzinfo
from typing import Self

from app.sla.calendars import CompiledCalendar, always_open, compile_calendar
from app.sla.policy import Facts, PolicyVersion, choose, origin_of, standing


@dataclass(frozen=True, slots=True)
class DatedCalendar:
    """A calendar version in force for cycles that start on `effective_on` or later; None is any day.

    `former` is the version that was in force before it, `brings_back` the id of the one whose content it brings back in
    force.
    """

    version_id: int
    calendar: CompiledCalendar
    effective_on: date | None = None
    former: DatedCalendar | None = None
    published_at: datetime | None = None
    brings_back: int | None = None

    def on(self, day: date) -> DatedCalendar:
        """The version that governs a cycle which starts on the day: the newest that is in effect then."""
        found = self
        while found.effective_on is not None and found.effective_on > day and found.former is not None:
            found = found._before(found.former)
        return found

    def _before(self, former: DatedCalendar) -> DatedCalendar:
        """The version that governed before this one: what it took back never did."""
        found = former
        while self.brings_back is not None and found.version_id != self.brings_back and found.former is not None:
            found = found.former
        return found

    def all(self) -> Iterator[DatedCalendar]:
        """Every version, the newest first."""
        found: DatedCalendar | None = self
        while found is not None:
            yield found
            found = found.former

    def as_of(self, at: datetime) -> DatedCalendar:
        """The newest version that was published by `at`; before the first one that one, since policies need it."""
        found = self
        while found.former is not None and _is_later(found.published_at, at):
            found = found.former
        return found


@dataclass(frozen=True, slots=True)
class Interests:
    """All that the policies look at: whatever differs only in something else is judged alike."""

    connectors: frozenset[str]
    categories: frozenset[str]
    units: frozenset[str]
    channels: frozenset[str]
    classifications: frozenset[str]
    cycles: frozenset[int]
    days: tuple[date, ...]

    @classmethod
    def of(cls, policies: Iterable[PolicyVersion]) -> Self:
        """What these policies name, and the days on which one of them takes effect."""
        applies = [policy.applies for policy in policies]
        return cls(
            connectors=frozenset(name for each in applies for name in each.connectors),
            categories=frozenset(name for each in applies for name in each.categories),
            units=frozenset(name for each in applies for name in each.units),
            channels=frozenset(name for each in applies for name in each.channels),
            classifications=frozenset(name for each in applies for name in each.classifications),
            cycles=frozenset(number for each in applies for number in each.cycles),
            days=tuple(sorted({policy.effective_on for policy in policies})),
        )

    def narrowed(self, facts: Facts) -> Facts:
        """The facts without what no policy looks at."""
        return Facts(
            connectors=tuple(each for each in facts.connectors if each in self.connectors),
            category=facts.category if facts.category in self.categories else None,
            units=tuple(each for each in facts.units if each in self.units),
            channel=facts.channel if facts.channel in self.channels else None,
            classification=facts.classification if facts.classification in self.classifications else None,
            families=facts.families,
        )


Question = tuple[Facts, str, int, int]
"""Narrowed facts, clock, cycle (0: one that no policy names), how many of the days have come."""

Variant = tuple[int, tuple[str, ...]]
"""A calendar version and the units, nearest first, whose exceptions it is read with."""


@dataclass(frozen=True, slots=True)
class Rulebook:
    """Every rule in force, as values; one for each revision of the rules.

    `calendars` are the newest versions by name, `policy_by_id` and `calendar_by_id` every version ever used.
    `ancestors` lists a unit's ancestors by id, itself first. A policy takes effect with a day of `zone`.
    """

    revision: int
    policies: tuple[PolicyVersion, ...]
    calendars: Mapping[str, DatedCalendar]
    policy_by_id: Mapping[int, PolicyVersion]
    calendar_by_id: Mapping[int, CompiledCalendar]
    ancestors: Mapping[int, tuple[int, ...]]
    unit_codes: Mapping[int, str]
    validator_id: int | None = None
    zone: tzinfo = UTC
    always: CompiledCalendar = field(default_factory=always_open)
    chosen: dict[Question, tuple[PolicyVersion, ...]] = field(default_factory=dict)
    """What `choose` answered before, since a batch asks the same few questions again and again."""
    variants: dict[Variant, CompiledCalendar] = field(default_factory=dict)
    """Calendars compiled with the exceptions of units."""
    calendar_numbers: Mapping[int, int] = field(default_factory=dict)
    """The number of each calendar version, by its id."""
    unit_names: Mapping[int, str] = field(default_factory=dict)
    interests: Interests = field(init=False)
    unit_ids: Mapping[str, int] = field(init=False)
    """The ids of units by code."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "unit_ids", {code: unit_id for unit_id, code in self.unit_codes.items()})
        object.__setattr__(self, "interests", Interests.of(self.policies))

    def origin(self, version: PolicyVersion) -> PolicyVersion:
        """The version that judges in truth: of one that brings a former one back, that one."""
        return origin_of(version, self.policy_by_id)

    def former(self, version: PolicyVersion, *, on: date) -> PolicyVersion | None:
        """The version of the same policy that judged, before this one, what starts on the day."""
        named = standing(each for each in self.policies if each.policy == version.policy)
        earlier = (each for each in named if each.version < version.version and each.effective_on <= on)
        return max(earlier, key=lambda each: each.version, default=None)

    def as_of(self, at: datetime) -> Rulebook:
        """The rules as they were published by `at`; every version stays known by its id."""
        if not any(self.published_since(at)):
            return self
        policies = tuple(policy for policy in self.policies if not _is_later(policy.published_at, at))
        calendars = {name: dated.as_of(at) for name, dated in self.calendars.items()}
        return replace(self, policies=policies, calendars=calendars, chosen={})

    def published_since(self, at: datetime) -> tuple[list[int], list[int]]:
        """The ids of the policy versions and of the calendar versions that were published after `at`."""
        policies = [policy.id for policy in self.policies if _is_later(policy.published_at, at)]
        dated = [each for newest in self.calendars.values() for each in newest.all()]
        return policies, [each.version_id for each in dated if _is_later(each.published_at, at)]

    def judging(self, facts: Facts, *, clock: str, cycle: int, on: date) -> tuple[PolicyVersion, ...]:
        """The policy versions that judge a cycle which starts on the day, one of each family."""
        asked = self.interests.narrowed(facts)
        days = bisect_right(self.interests.days, on)
        question = asked, clock, cycle if cycle in self.interests.cycles else 0, days
        answer = self.chosen.get(question)
        if answer is None:
            answer = self.chosen[question] = tuple(choose(self.policies, asked, clock=clock, cycle=cycle, on=on))
        return answer

    def calendar(self, version_id: int | None, exception_unit_id: int | None = None) -> CompiledCalendar:
        """The calendar that a stored clock counts on, by what its row names; without a version it counts always."""
        if version_id is None:
            return self.always
        plain = self.calendar_by_id[version_id]
        if exception_unit_id is None:
            return plain
        named = {exception.unit for exception in plain.rules.exceptions}
        codes = tuple(code for code in self._codes_above(exception_unit_id) if code in named)
        variant = self.variants.get((version_id, codes))
        if variant is None:
            variant = self.variants[version_id, codes] = compile_calendar(plain.rules.for_units(codes))
        return variant

    def exception_unit(self, version_id: int, unit_id: int | None) -> int | None:
        """The unit, or the nearest one above it, that the calendar version makes exceptions for."""
        exceptions = self.calendar_by_id[version_id].rules.exceptions
        if not exceptions or unit_id is None:
            return None
        named = {exception.unit for exception in exceptions}
        above = self.ancestors.get(unit_id, (unit_id,))
        return next((each for each in above if self.unit_codes.get(each) in named), None)

    def _codes_above(self, unit_id: int) -> tuple[str, ...]:
        above = self.ancestors.get(unit_id, (unit_id,))
        return tuple(self.unit_codes[each] for each in above if each in self.unit_codes)


def _is_later(published_at: datetime | None, at: datetime) -> bool:
    return published_at is not None and published_at > at
