"""The kinds of outside systems that can be connected: a plain dictionary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from connectors.contract import Connector, InvalidOption
from connectors.crm import connector as crm
from connectors.jaki import connector as jaki
from connectors.mailbox import connector as mailbox
from connectors.open311 import connector as open311
from connectors.options import read_rate
from connectors.reading import json_value
from connectors.spreadsheet import connector as spreadsheet
from connectors.spreadsheet.connector import open_file
from connectors.spreadsheet.profile import load_profile, profile_names

__all__ = [
    "CONNECTORS",
    "ConnectorKind",
    "InvalidOption",
    "json_value",
    "load_profile",
    "open_file",
    "profile_names",
    "request_rate",
]


class Build(Protocol):
    """Makes a connector from what a source row holds."""

    def __call__(self, *, url: str, token: str | None, options: Mapping[str, str]) -> Connector: ...


@dataclass(frozen=True, slots=True)
class ConnectorKind:
    """One kind of source: its name, one line about it, and how a connector of it is made."""

    name: str
    summary: str
    make: Build
    is_over_http: bool = True

    def build(self, *, url: str, token: str | None, options: Mapping[str, str]) -> Connector:
        """A connector bound to its validated options; `rate` is for the client and is only checked here.

        Raises: InvalidOption for an unknown option or a bad value.
        """
        if not self.is_over_http:
            return self.make(url=url, token=token, options=options)
        request_rate(options, 1.0)
        return self.make(url=url, token=token, options={name: options[name] for name in options if name != "rate"})


def request_rate(options: Mapping[str, str], default: float) -> float:
    """Requests a second to a source: its option `rate`, else the default.

    Raises: InvalidOption for a bad value.
    """
    return read_rate(options, default)


def _build_lapor(*, url: str, token: str | None, options: Mapping[str, str]) -> Connector:
    """A file of SP4N-LAPOR: the spreadsheet connector by a profile of its own (`lapor/README.md`)."""
    if "profile" in options:
        raise InvalidOption("profile", "is not an option here: the profile is lapor")
    return spreadsheet.build(url=url, token=token, options={**options, "profile": "lapor"})


CONNECTORS: Mapping[str, ConnectorKind] = {
    kind.name: kind
    for kind in (
        ConnectorKind("crm", "CRM (Cepat Respon Masyarakat), the public dashboard interface", crm.build),
        ConnectorKind("jaki", "JAKI, the citizen application", jaki.build),
        ConnectorKind("open311", "an Open311 GeoReport v2 server, JSON or XML", open311.build),
        ConnectorKind("lapor", "an export of SP4N-LAPOR as a file", _build_lapor, is_over_http=False),
        ConnectorKind("mailbox", "the mailbox of an official channel, over IMAP", mailbox.build, is_over_http=False),
        ConnectorKind("spreadsheet", "a CSV, TSV, JSON lines or Excel file", spreadsheet.build, is_over_http=False),
    )
}
