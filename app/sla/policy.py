"""Which policies judge a clock of a complaint: the most specific one of each family, all families at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from app.sla.terms import Target


@dataclass(frozen=True, slots=True)
class Applies:
    """What a policy applies to; an empty tuple is any. `cycles` are the numbers of the cycles it judges."""

    connectors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    classifications: tuple[str, ...] = ()
    cycles: tuple[int, ...] = ()


class OnChange(StrEnum):
    """How an open cycle follows a new version: as if it had always been so, from now on, or with what is left."""

    RETROACTIVE = "retroactive"
    RESTART = "restart"
    CARRY_REMAINING = "carry_remaining"


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """One version of a policy; `calendar` is a name, `honours` the reasons whose pauses count.

    `thresholds` are the percentages of the target at which a step fires, `repeat_s` the wall-clock seconds between the
    reminders after a breach (None: there are none). A cycle that ran when the version was published (`published_at`)
    follows it as `on_change` says. `brings_back` is the id of the former version whose content it brings back in force.
    """

    id: int
    policy: str
    family: str
    version: int
    clock: str
    target: Target
    calendar: str
    applies: Applies = Applies()
    honours: frozenset[str] = frozenset()
    thresholds: tuple[int, ...] = (75, 90, 100)
    repeat_s: int | None = 86_400
    extension_cap_s: int | None = None
    max_extensions: int = 0
    effective_on: date = date.min
    basis: str | None = None
    confidence: str | None = None
    on_change: OnChange = OnChange.RETROACTIVE
    published_at: datetime | None = None
    brings_back: int | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What a policy is matched against; `units` are codes, the complaint's own unit first, then its ancestors.

    `families` are the families that may judge the complaint; None is every one.
    """

    connectors: tuple[str, ...] = ()
    category: str | None = None
    units: tuple[str, ...] = ()
    channel: str | None = None
    classification: str | None = None
    families: frozenset[str] | None = None


def choose(
    versions: Iterable[PolicyVersion], facts: Facts, *, clock: str, cycle: int, on: date
) -> tuple[PolicyVersion, ...]:
    """The version that judges this cycle in each family, by family name.

    A policy speaks through its newest version in effect: a later version wins over whatever an earlier one had
    planned. One that brings a former one back stands for it: what it took back judges nothing. Within a family the
    most specific match wins: category and unit, category, unit (the nearest in the tree), channel, classification,
    connector, default; then the newest.

    >>> from app.sla.terms import TargetUnit
    >>> target = Target(TargetUnit.ELAPSED_MINUTE, 60)
    >>> city = PolicyVersion(1, "all", "city", 1, "respond", target, "24x7")
    >>> flood = PolicyVersion(2, "flood", "city", 1, "respond", target, "24x7", Applies(categories=("banjir",)))
    >>> [each.policy for each in choose([city, flood], Facts(category="banjir"), clock="respond", cycle=1, on=date.max)]
    ['flood']
    """
    given = list(versions)
    by_id = {version.id: version for version in given}
    best: dict[str, tuple[_Rank, PolicyVersion]] = {}
    for version in _in_effect(standing(given), clock, on):
        if facts.families is not None and version.family not in facts.families:
            continue
        if not _matches(version.applies, facts, cycle):
            continue
        rank = _rank(origin_of(version, by_id), facts)
        if version.family not in best or best[version.family][0] < rank:
            best[version.family] = rank, version
    return tuple(best[family][1] for family in sorted(best))


def origin_of(version: PolicyVersion, by_id: Mapping[int, PolicyVersion]) -> PolicyVersion:
    """The version that judges in truth: of one that brings a former one back, that one."""
    while version.brings_back is not None:
        version = by_id[version.brings_back]
    return version


def standing(versions: Iterable[PolicyVersion]) -> list[PolicyVersion]:
    """The versions without those that a later one took back."""
    given = list(versions)
    numbers = {version.id: version.version for version in given}
    taken_back = {
        (back.policy, number)
        for back in given
        if back.brings_back is not None
        for number in range(numbers[back.brings_back] + 1, back.version)
    }
    return [version for version in given if (version.policy, version.version) not in taken_back]


_Rank = tuple[bool, bool, bool, bool, bool, int, bool, date, int, int]


def _in_effect(versions: Iterable[PolicyVersion], clock: str, on: date) -> Iterable[PolicyVersion]:
    newest: dict[str, PolicyVersion] = {}
    for version in versions:
        if version.clock != clock or version.effective_on > on:
            continue
        held = newest.get(version.policy)
        if held is None or (held.version, held.id) < (version.version, version.id):
            newest[version.policy] = version
    return newest.values()


def _age(version: PolicyVersion) -> tuple[date, int, int]:
    return version.effective_on, version.version, version.id


def _matches(applies: Applies, facts: Facts, cycle: int) -> bool:
    return (
        _allows(applies.connectors, *facts.connectors)
        and _allows(applies.categories, facts.category)
        and _allows(applies.units, *facts.units)
        and _allows(applies.channels, facts.channel)
        and _allows(applies.classifications, facts.classification)
        and (not applies.cycles or cycle in applies.cycles)
    )


def _allows(wanted: tuple[str, ...], *found: str | None) -> bool:
    return not wanted or any(each in wanted for each in found)


def _rank(version: PolicyVersion, facts: Facts) -> _Rank:
    applies = version.applies
    distance = next((hops for hops, unit in enumerate(facts.units) if unit in applies.units), 0)
    return (
        bool(applies.categories),
        bool(applies.units),
        bool(applies.channels),
        bool(applies.classifications),
        bool(applies.connectors),
        -distance,
        bool(applies.cycles),
        *_age(version),
    )
