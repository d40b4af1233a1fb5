"""What the documents name exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.source import ROOT

DOCUMENTS = sorted(
    path
    for path in [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("migrations/*.md"),
        *ROOT.glob("app/**/*.md"),
    ]
    if path.name != "CHANGELOG.md"
)
REQUIRED = ("README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/dependencies.md", "docs/adr/README.md")
FILE = re.compile(r"`((?:[\w.-]+/)*[\w-]+\.(?:py|md|toml|yml|ini|csv|mako|json)|(?:[\w.-]+/)+)`")
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)\s#]+)")
HOUSE = ("app", "connectors", "migrations", "tests", "bench")
"""Below these a document may name a path by its end alone: `merging.py`, `jaki/mapping.py`."""


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_each_file_that_a_document_names_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [name for name in FILE.findall(text) if not _exists(path, name)] == []
    assert [name for name in LINK.findall(text) if not (path.parent / name).exists()] == []


@pytest.mark.parametrize("name", REQUIRED)
def test_a_newcomer_finds_the_document(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8").strip()


def test_every_decision_is_in_the_index() -> None:
    index = (ROOT / "docs/adr/README.md").read_text(encoding="utf-8")
    assert [name for name in _decisions() if name not in index] == []


def test_the_map_names_every_room_and_every_file_at_the_door() -> None:
    tour = (ROOT / "app/__init__.py").read_text(encoding="utf-8")
    rooms = {f"{path.parent.name}/" for path in (ROOT / "app").glob("*/__init__.py")}
    files = {path.name for path in (ROOT / "app").glob("*.py")} - {"__init__.py"}
    assert sorted(name for name in rooms | files if f" {name} " not in tour) == []


def _exists(document: Path, name: str) -> bool:
    if (document.parent / name).exists() or (ROOT / name).exists():
        return True
    return any(next((ROOT / part).rglob(name), None) for part in HOUSE)


def _decisions() -> Iterator[str]:
    return (path.name for path in sorted((ROOT / "docs/adr").glob("*.md")) if path.name != "README.md")
