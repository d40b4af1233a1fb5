"""Which policy judges: families side by side, within one the most specific, then the newest in effect."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from app.sla.clock import Target, TargetUnit
from app.sla.policy import Applies, Facts, PolicyVersion, choose

TODAY = date(2026, 6, 2)
DEFAULT = PolicyVersion(1, "default", "city", 1, "respond", Target(TargetUnit.ELAPSED_MINUTE, 1440), "24x7")
FACTS = Facts(
    connectors=("crm", "jaki"),
    category="banjir",
    units=("31.71.07.1001", "31.71.07", "31.71"),
    channel="jaki",
    classification="non_oversight",
)
LADDER = [
    Applies(),
    Applies(connectors=("jaki",)),
    Applies(classifications=("non_oversight",)),
    Applies(channels=("jaki",)),
    Applies(units=("31.71",)),
    Applies(units=("31.71.07",)),
    Applies(categories=("banjir",)),
    Applies(categories=("banjir",), units=("31.71",)),
]


def policy(number: int, applies: Applies, **more) -> PolicyVersion:
    return replace(DEFAULT, id=number, policy=f"policy-{number}", applies=applies, **more)


def names(versions, facts=FACTS, *, clock="respond", cycle=1, on=TODAY) -> list[str]:
    return [version.policy for version in choose(versions, facts, clock=clock, cycle=cycle, on=on)]


@pytest.mark.parametrize("rank", range(1, len(LADDER)))
def test_the_more_specific_policy_wins(rank) -> None:
    broad, narrow = policy(rank - 1, LADDER[rank - 1]), policy(rank, LADDER[rank])
    assert names([broad, narrow]) == names([narrow, broad]) == [f"policy-{rank}"]


def test_all_families_run_and_come_in_a_stable_order() -> None:
    law, city = policy(1, Applies(), family="law"), policy(2, Applies(), family="city")
    assert names([law, city]) == names([city, law]) == ["policy-2", "policy-1"]
    assert names([law, city], replace(FACTS, families=frozenset({"law"}))) == ["policy-1"]
    assert names([law, city], replace(FACTS, families=frozenset())) == []


@pytest.mark.parametrize(
    "applies",
    [
        Applies(connectors=("lapor",)),
        Applies(categories=("pohon",)),
        Applies(units=("31.72",)),
        Applies(channels=("email",)),
        Applies(classifications=("oversight",)),
        Applies(cycles=(2, 3)),
        Applies(categories=("banjir",), channels=("email",)),
    ],
)
def test_a_policy_for_something_else_does_not_apply(applies) -> None:
    assert names([policy(1, applies)]) == []


def test_a_complaint_that_says_nothing_matches_only_the_default() -> None:
    versions = [policy(number, applies) for number, applies in enumerate(LADDER)]
    assert names(versions, Facts()) == ["policy-0"]


def test_a_policy_may_judge_the_first_hop_alone() -> None:
    first, every = policy(1, Applies(cycles=(1,))), policy(2, Applies())
    assert names([first, every], cycle=1) == ["policy-1"]
    assert names([first, every], cycle=2) == ["policy-2"]


def test_another_clock_is_another_matter() -> None:
    assert names([DEFAULT], clock="resolve") == []


def test_the_newest_version_in_effect_speaks_for_its_policy() -> None:
    old = replace(DEFAULT, id=1, version=1, effective_on=date(2025, 1, 1))
    new = replace(DEFAULT, id=2, version=2, effective_on=date(2026, 1, 1))
    planned = replace(DEFAULT, id=3, version=3, effective_on=date(2026, 7, 1))
    versions = [planned, new, old]
    found = [
        choose(versions, FACTS, clock="respond", cycle=1, on=on) for on in (date(2025, 6, 1), TODAY, date(2027, 1, 1))
    ]
    assert [[version.id for version in each] for each in found] == [[1], [2], [3]]
    assert choose(versions, FACTS, clock="respond", cycle=1, on=date(2024, 1, 1)) == ()


def test_a_later_version_overrules_what_an_earlier_one_had_planned() -> None:
    first = replace(DEFAULT, id=1, version=1, effective_on=date(2025, 1, 1))
    planned = replace(DEFAULT, id=2, version=2, effective_on=date(2026, 7, 1))
    back_again = replace(DEFAULT, id=3, version=3, effective_on=date(2025, 1, 1))
    found = choose([back_again, planned, first], FACTS, clock="respond", cycle=1, on=date(2027, 1, 1))
    assert [version.id for version in found] == [3]


def test_what_was_taken_back_judges_nothing_not_even_older_cycles() -> None:
    first = replace(DEFAULT, id=1, version=1, effective_on=date(2025, 1, 1))
    second = replace(DEFAULT, id=2, version=2, effective_on=date(2026, 1, 1))
    reaching_back = replace(DEFAULT, id=3, version=3, effective_on=date(2025, 1, 1))
    back = replace(second, id=4, version=4, brings_back=2)
    versions = [first, second, reaching_back, back]
    assert [choose(versions, FACTS, clock="respond", cycle=1, on=on)[0].id for on in (date(2025, 6, 1), TODAY)] == [
        1,
        4,
    ]


def test_a_version_that_is_brought_back_ranks_as_before() -> None:
    first, other = policy(1, Applies()), policy(2, Applies())
    changed = replace(first, id=3, version=2)
    assert names([first, other]) == ["policy-2"]
    assert names([first, other, changed]) == ["policy-1"]
    assert names([first, other, changed, replace(first, id=4, version=3, brings_back=1)]) == ["policy-2"]


def test_a_version_that_narrows_its_policy_ends_the_broad_one() -> None:
    broad = replace(DEFAULT, id=1, version=1)
    narrow = replace(DEFAULT, id=2, version=2, applies=Applies(categories=("pohon",)))
    assert names([broad, narrow]) == []


def test_of_two_equal_policies_the_newer_wins() -> None:
    older = policy(1, Applies(), effective_on=date(2025, 1, 1), version=9)
    newer = policy(2, Applies(), effective_on=date(2026, 1, 1), version=1)
    assert names([newer, older]) == names([older, newer]) == ["policy-2"]
