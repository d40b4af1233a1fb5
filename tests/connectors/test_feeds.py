"""Each oddity of real feeds in docs/feeds.md has a test that names its number, or the reason why it does not apply."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import ROOT

ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \|$", re.MULTILINE)
MARK = re.compile(r"^[ \t]*# cases? ((?:\d+, )*\d+)$", re.MULTILINE)
DEFINITION = re.compile(r"^[ \t]*(?:async )?def (\w+)", re.MULTILINE)
EVERY = set(range(1, 67))


def rows() -> dict[int, str]:
    text = (ROOT / "docs" / "feeds.md").read_text("utf-8")
    return {int(number): here for number, _, here in ROW.findall(text)}


def marked(text: str) -> set[int]:
    """The numbers in marks above tests."""
    found: set[int] = set()
    for mark in MARK.finditer(text):
        following = DEFINITION.search(text, mark.end())
        if following and following[1].startswith("test_"):
            found |= {int(number) for number in mark[1].split(", ")}
    return found


def all_marked() -> set[int]:
    files = [*(ROOT / "tests").rglob("test_*.py"), ROOT / "tests" / "connectors" / "kit.py"]
    return set().union(*(marked(file.read_text("utf-8")) for file in files if file != Path(__file__)))


def test_each_case_is_listed_once_in_order():
    assert list(rows()) == sorted(EVERY)


def test_each_case_has_a_test_or_the_reason_why_not():
    excused = {number for number, here in rows().items() if here.startswith("Does not apply")}
    assert sorted(EVERY - all_marked() - excused) == []


def test_no_test_names_a_case_that_is_not_listed():
    assert sorted(all_marked() - rows().keys()) == []


def test_a_mark_counts_only_where_a_test_follows():
    assert marked("# case 7\ndef test_a(): ...") == {7}
    assert marked("# cases 7, 8\n@mark(\n    1,\n)\nasync def test_a(): ...") == {7, 8}
    assert marked("# case 7\ndef helper(): ...\n\n\ndef test_a(): ...") == set()
