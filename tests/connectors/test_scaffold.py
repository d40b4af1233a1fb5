"""A new connector from the scaffold: its contract test fails until the mapping is filled in, and then passes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.commands.connectors import write_scaffold
from app.complaint.errors import InvalidInput
from app.complaint.lifecycle import Status
from connectors import reading
from connectors.contract import fold_word
from tests.conftest import ROOT

COPIED = ("app", "connectors", "migrations", "pyproject.toml", "alembic.ini")
TESTS = (
    "conftest.py",
    "postgres.py",
    "spilled.py",
    "connectors/conftest.py",
    "connectors/kit.py",
    "connectors/servers.py",
)
FILLED = {"ID": "id", "REPORTED_AT": "created_at", "STATUS": "status", "TEXT": "text"}
HOW_TO = ROOT / "docs" / "howto-add-a-connector.md"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the parts of this checkout that a new connector needs."""
    leave = shutil.ignore_patterns("__pycache__")
    for name in COPIED:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / name, **({"ignore": leave} if source.is_dir() else {}))
    (tmp_path / "tests" / "connectors").mkdir(parents=True)
    for name in TESTS:
        shutil.copy(ROOT / "tests" / name, tmp_path / "tests" / name)
    return tmp_path


def run(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *words]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=100, check=False)


def outcome(checkout: Path, name: str) -> tuple[dict[str, int], str]:
    """How many tests of the new connector passed and failed, and what was said of them."""
    test = f"tests/connectors/test_{name}.py"
    found = run(checkout, "pytest", "-q", "-p", "no:cacheprovider", test)
    assert found.returncode in (0, 1), found.stdout + found.stderr
    counts = re.findall(r"(\d+) (passed|failed)", found.stdout.splitlines()[-1])
    return {word: int(count) for count, word in counts}, found.stdout


def register(checkout: Path, printed: str) -> None:
    """Do with the two printed lines what the how-to says."""
    line_of_import, entry = printed.rstrip().split("\n")
    registry = checkout / "connectors" / "registry.py"
    text = registry.read_text()
    text = text.replace("from connectors.mailbox import", f"{line_of_import}\nfrom connectors.mailbox import", 1)
    text = text.replace('        ConnectorKind("crm"', f'{entry}\n        ConnectorKind("crm"', 1)
    registry.write_text(text)


def test_it_keeps_the_contract_as_soon_as_its_mapping_is_filled_in(checkout):
    made = run(checkout, "app.cli", "connector", "new", "kota_lain", "--title", "Kota Lain", "--into", str(checkout))
    assert made.returncode == 0, made.stderr
    register(checkout, made.stdout)
    before, told = outcome(checkout, "kota_lain")
    assert before["failed"] > 5
    assert "the field '' holds no usable id" in told
    mapping = checkout / "connectors" / "kota_lain" / "mapping.py"
    text = mapping.read_text()
    for name, field in FILLED.items():
        text = text.replace(f'{name} = ""', f'{name} = "{field}"')
    mapping.write_text(text)
    assert outcome(checkout, "kota_lain")[0] == {"passed": sum(before.values())}
    made_by_us = ["connectors/kota_lain", "tests/connectors/test_kota_lain.py", "connectors/registry.py"]
    for check in (["check"], ["format", "--check"]):
        found = run(checkout, "ruff", *check, *made_by_us)
        assert found.returncode == 0, found.stdout


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("crm", "name"),
        ("lapor", "name"),
        ("Kota", "name"),
        ("a", "name"),
        ("class", "name"),
        ("../x", "name"),
        ("scaffold", "name"),
    ],
)
def test_a_name_that_is_taken_or_no_package_is_refused_and_nothing_is_written(name, field, checkout):
    before = sorted(checkout.rglob("*"))
    with pytest.raises(InvalidInput) as caught:
        list(write_scaffold(name, "x", checkout))
    assert caught.value.field == field
    assert sorted(checkout.rglob("*")) == before


@pytest.mark.parametrize("title", ['a"b', "a\nb", "$x", "x" * 61])
def test_a_title_that_would_break_the_code_is_refused(title, checkout):
    with pytest.raises(InvalidInput, match="characters"):
        list(write_scaffold("kota", title, checkout))


def test_the_how_to_names_readers_commands_and_statuses_that_exist():
    told = HOW_TO.read_text("utf-8")
    readers = set(re.findall(r"`reading\.(\w+)", told))
    assert len(readers) > 8
    assert [name for name in readers if not callable(getattr(reading, name, None))] == []
    words = dict(re.findall(r'status_words=\{"([^"]+)": "([^"]+)"\}', told))
    assert words
    assert all(word == fold_word(word) and Status(meaning) for word, meaning in words.items())
    commands = [line.split()[1:] for line in re.findall(r"^ +\.venv/bin/(tanggap .*)$", told, re.M)]
    assert [command[0] for command in commands if command[0] != "connector"][:3] == ["migrate", "seed", "source"]
    for command in commands:
        words_of_it = command[:2] if command[0] in ("source", "connector") else command[:1]
        assert CliRunner().invoke(cli, [*words_of_it, "--help"]).exit_code == 0, command


def test_a_folder_that_is_no_checkout_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="checkout"):
        list(write_scaffold("kota", "x", tmp_path))
