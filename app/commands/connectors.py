"""Commands on connectors: begin a new one from the scaffold."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Annotated

import typer

import connectors
from app.commands.frame import say
from app.complaint.errors import InvalidInput
from connectors.registry import CONNECTORS

connector = typer.Typer(help="Connectors: our code for a kind of source.", no_args_is_help=True)

_PACKAGE = Path(connectors.__file__).parent
_SCAFFOLD = _PACKAGE / "scaffold"
_NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")
_FILES = {
    "package": "connectors/{name}/__init__.py",
    "client": "connectors/{name}/client.py",
    "mapping": "connectors/{name}/mapping.py",
    "connector": "connectors/{name}/connector.py",
    "readme": "connectors/{name}/README.md",
    "page": "connectors/{name}/payloads/page.json",
    "test": "tests/connectors/test_{name}.py",
}


@connector.command("new")
def new(
    name: Annotated[str, typer.Argument(help="What the kind of source is called, e.g. tangerang.")],
    title: Annotated[str | None, typer.Option(help="Its name for people.")] = None,
    into: Annotated[Path | None, typer.Option(help="The checkout; without it the one that runs.")] = None,
) -> None:
    """Begin a connector: its files, its test, and the two lines for the registry."""
    for path in write_scaffold(name, title or name, into or _PACKAGE.parent):
        say(f"wrote {path}")
    say("Add these two lines to connectors/registry.py, beside the ones like them:")
    typer.echo(f"from connectors.{name} import connector as {name}")
    typer.echo(f'        ConnectorKind("{name}", "{title or name}", {name}.build),')
    say(f"Then fill in connectors/{name}/mapping.py until this passes: pytest tests/connectors/test_{name}.py")
    say("What else there is to decide: docs/howto-add-a-connector.md")


def write_scaffold(name: str, title: str, root: Path) -> Iterator[Path]:
    """Each file of a new connector below the checkout `root`, as it is written.

    Raises: InvalidInput for a name that cannot be a package's or is taken, a title that does not fit a line of code, a
    folder that is no checkout.
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise InvalidInput("name", "use lower-case letters, digits and _, beginning with a letter, at most 40")
    if not title.isprintable() or len(title) > 60 or set(title) & set('"\\$'):
        raise InvalidInput("title", "use at most 60 characters on one line, without quotation marks")
    if not (root / "tests" / "connectors" / "kit.py").is_file():
        raise InvalidInput("into", f"{root} is not a checkout of this repository: it has no tests/connectors/kit.py")
    targets = {part: root / path.format(name=name) for part, path in _FILES.items()}
    if name in CONNECTORS or targets["client"].parent.exists() or targets["test"].exists():
        raise InvalidInput("name", f"there is a connector {name} already")
    words = {"name": name, "title": title, "Class": "".join(part.capitalize() for part in name.split("_"))}
    for part, target in targets.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(Template((_SCAFFOLD / f"{part}.txt").read_text("utf-8")).substitute(words), "utf-8")
        yield target.relative_to(root)
