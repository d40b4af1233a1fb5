"""The rules of the house that a syntax tree can show."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

import pytest

from tests.house.source import Module, dotted, modules

LONGEST_FUNCTION = 40
LONGEST_FILE = 400
EXCUSED: frozenset[str] = frozenset()
"""Functions (`path:name`) and files that are longer for a reason; each entry has its reason beside it."""

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "misc", "manager", "managers", "service"}
CLOCK_READS = {
    *(f"{kind}.{method}" for kind in ("datetime", "date") for method in ("now", "utcnow", "today")),
    *(f"time.{name}" for name in ("time", "time_ns", "localtime", "gmtime", "ctime", "strftime")),
}
ENVIRONMENT = {f"os.{name}" for name in ("environ", "environb", "getenv", "getenvb", "putenv")}
NAIVE = {"datetime.utcnow", "datetime.utcfromtimestamp"}
LABELS = {"Menunggu", "Koordinasi", "Disposisi", "Proses Tindak Lanjut", "Selesai", "Sudah Ditindaklanjuti"}
LABEL_ROOMS = ("app/seed/", "app/demo/")

Rule = Callable[[Module], Iterator[str]]


def reads_the_wall_clock(module: Module) -> Iterator[str]:
    """Calls of the clock, and `from time import time` that would hide them."""
    if module.path == "app/clock.py":
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and _tail(node) in CLOCK_READS:
            yield _at(module, node)
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from (_at(module, node) for alias in node.names if f"time.{alias.name}" in CLOCK_READS)


def reads_the_environment(module: Module) -> Iterator[str]:
    if module.path == "app/settings.py":
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and _tail(node) in ENVIRONMENT:
            yield _at(module, node)
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (_at(module, node) for alias in node.names if f"os.{alias.name}" in ENVIRONMENT)


def makes_a_naive_datetime(module: Module) -> Iterator[str]:
    """A connector may, where it says so beside the line: a file's times get their zone from the profile."""
    lines = module.text.splitlines()
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Call):
            continue
        tail = _tail(node.func)
        keywords = {keyword.arg for keyword in node.keywords}
        is_bare = tail in {"datetime", "datetime.datetime"} and len(node.args) < 8 and "tzinfo" not in keywords
        is_local = tail == "datetime.fromtimestamp" and len(node.args) < 2 and "tz" not in keywords
        is_excused = module.path.startswith("connectors/") and "noqa: DTZ" in lines[node.lineno - 1]
        if (is_bare or is_local or tail in NAIVE) and not is_excused:
            yield _at(module, node)


def has_code_in_init(module: Module) -> Iterator[str]:
    if not module.path.endswith("__init__.py"):
        return
    if len(module.tree.body) != 1 or ast.get_docstring(module.tree) is None:
        yield module.path


def has_a_name_that_says_nothing(module: Module) -> Iterator[str]:
    if FORBIDDEN_NAMES & set(module.name.split(".")):
        yield module.path
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef) and node.name.endswith(("Manager", "Helper", "Utils")):
            yield _at(module, node)


def opens_without_a_sentence(module: Module) -> Iterator[str]:
    """Each module's docstring begins with one sentence that says what lives here."""
    first = (ast.get_docstring(module.tree) or "").split("\n\n")[0].strip()
    if not first.endswith((".", ":")):
        yield module.path


def imports_inside_a_function(module: Module) -> Iterator[str]:
    for function in _functions(module):
        yield from (_at(module, node) for node in ast.walk(function) if isinstance(node, ast.Import | ast.ImportFrom))


def is_too_long(module: Module) -> Iterator[str]:
    lines = len(module.text.splitlines())
    if lines > LONGEST_FILE and module.path not in EXCUSED:
        yield f"{module.path} has {lines} lines"
    for function in _functions(module):
        size = (function.end_lineno or function.lineno) - function.lineno + 1
        if size > LONGEST_FUNCTION and f"{module.path}:{function.name}" not in EXCUSED:
            yield f"{_at(module, function)} {function.name} has {size} lines"


def says_an_indonesian_label(module: Module) -> Iterator[str]:
    """Status words of the sources are data: they live with the seed, the demo city and the mappings."""
    if module.path.startswith(LABEL_ROOMS) or module.path.endswith("/mapping.py"):
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and node.value in LABELS:
            yield _at(module, node)


def catches_everything_silently(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield _at(module, node)


RULES: tuple[Rule, ...] = (
    reads_the_wall_clock,
    reads_the_environment,
    makes_a_naive_datetime,
    has_code_in_init,
    has_a_name_that_says_nothing,
    opens_without_a_sentence,
    imports_inside_a_function,
    is_too_long,
    says_an_indonesian_label,
    catches_everything_silently,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_module_breaks_the_rule(rule: Rule) -> None:
    assert [place for module in modules() for place in rule(module)] == []


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (reads_the_wall_clock, "app/a.py", "from datetime import datetime, UTC\nx = lambda: datetime.now(UTC)"),
        (reads_the_wall_clock, "app/a.py", "import datetime as dt\nx = dt.datetime.now"),
        (reads_the_wall_clock, "app/a.py", "from time import time"),
        (reads_the_environment, "app/a.py", "import os\nx = os.environ['A']"),
        (reads_the_environment, "connectors/a.py", "from os import getenv"),
        (makes_a_naive_datetime, "app/a.py", "x = datetime(2026, 1, 1)"),
        (makes_a_naive_datetime, "app/a.py", "x = datetime.fromtimestamp(1)"),
        (has_code_in_init, "app/a/__init__.py", '"""A."""\nfrom app.a.b import c'),
        (has_code_in_init, "app/a/__init__.py", ""),
        (has_a_name_that_says_nothing, "app/a/utils.py", '"""A."""'),
        (has_a_name_that_says_nothing, "app/a.py", "class QueueManager: ..."),
        (opens_without_a_sentence, "app/a.py", "x = 1"),
        (imports_inside_a_function, "app/a.py", "def f():\n    import os"),
        (is_too_long, "app/a.py", "x = 1\n" * (LONGEST_FILE + 1)),
        (is_too_long, "app/a.py", "def f():\n" + "    x = 1\n" * LONGEST_FUNCTION),
        (says_an_indonesian_label, "app/a.py", "x = 'Menunggu'"),
        (catches_everything_silently, "app/a.py", "try:\n    x = 1\nexcept:\n    pass"),
    ],
)
def test_a_broken_rule_is_found(rule: Rule, path: str, text: str) -> None:
    assert list(rule(Module(dotted(path), path, text)))


def test_the_two_exceptions_are_real() -> None:
    assert {"app/clock.py", "app/settings.py"} <= {module.path for module in modules()}


def _functions(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _tail(node: ast.AST) -> str:
    """The last two parts of a dotted name: `dt.datetime.now` is `datetime.now`."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = _tail(node.value).rsplit(".", 1)[-1]
        return f"{owner}.{node.attr}" if owner else node.attr
    return ""


def _at(module: Module, node: ast.AST) -> str:
    return f"{module.path}:{getattr(node, 'lineno', 0)}"
