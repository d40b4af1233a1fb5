"""The source tree as syntax trees: which modules there are and what each imports."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("app", "connectors")


@dataclass(frozen=True, eq=False)
class Module:
    """One file: its dotted name, its path from the root, its text and tree."""

    name: str
    path: str
    text: str

    @functools.cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @property
    def room(self) -> str:
        """`app.sla`, `app.main`, `connectors.jaki`: the first two parts of the name."""
        return ".".join(self.name.split(".")[:2])

    def imports(self) -> Iterator[tuple[int, str]]:
        """Line and full name of everything imported, wherever in the file; `from a import b` is `a.b`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                origin = self._origin(node)
                yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)

    def _origin(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = self.name.split(".")
        depth = node.level - 1 if self.path.endswith("__init__.py") else node.level
        return ".".join([*package[: len(package) - depth], *(node.module or "").split(".")]).rstrip(".")


@functools.cache
def modules() -> tuple[Module, ...]:
    """Every Python file of the packages that this house answers for."""
    return tuple(_read(path) for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))


def dotted(path: str) -> str:
    """The module name of a path from the root."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _read(path: Path) -> Module:
    relative = path.relative_to(ROOT).as_posix()
    return Module(dotted(relative), relative, path.read_text(encoding="utf-8"))
