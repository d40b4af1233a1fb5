"""A source's row made into a connector: its kind, its options, its token opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from sqlalchemy import Row

from app.complaint.errors import Conflict, InvalidInput
from app.intake.sources import source_token
from app.vault import CannotOpen, Vault
from connectors.contract import Connector, InvalidOption, Rereading

_NO_FILE = "-"


class Kind(Protocol):
    """A kind of source, as the registry of connectors has it."""

    def build(self, *, url: str, token: str | None, options: Mapping[str, str]) -> Connector:
        """A connector bound to its validated options; raises InvalidOption."""
        ...


Kinds = Mapping[str, Kind]


class RereadingConnector(Connector, Rereading, Protocol):
    """A connector that also reads single records."""


def connect(source: Row[Any], vault: Vault, kinds: Kinds) -> Connector:
    """The connector that a source's row describes; that of a file's source reads single rows, not the file.

    Raises: InvalidInput.
    """
    kind = kinds.get(source.connector)
    if kind is None:
        raise InvalidInput("connector", f"there is no connector {source.connector}; known: {', '.join(kinds)}")
    url, options = source.url or "", source.options
    if is_read_from_files(source):
        url, options = _NO_FILE, {"profile": source.name, **options}
    try:
        return kind.build(url=url, token=source_token(source, vault), options=options)
    except InvalidOption as error:
        raise InvalidInput(error.name, error.message) from error
    except CannotOpen as error:
        raise InvalidInput(
            "token",
            "it was sealed with another key; give it again by `tanggap source change`",
        ) from error


def is_read_from_files(source: Row[Any]) -> bool:
    """Whether the source is the name that imported files share: it has no place that could be asked."""
    return source.url is None and source.every_s is None


def connect_rereading(source: Row[Any], vault: Vault, kinds: Kinds) -> RereadingConnector:
    """The same, for a source whose records can be read one by one.

    Raises: InvalidInput; Conflict for a connector that reads only whole answers.
    """
    connector = connect(source, vault, kinds)
    if not isinstance(connector, Rereading):
        raise Conflict(f"the connector {source.connector} cannot read single records")
    return connector
