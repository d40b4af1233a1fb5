"""Reading of the files that lie beside this module, wherever the package is installed."""

from __future__ import annotations

import csv
import json
import tomllib
from importlib import resources
from typing import Any


def read_toml(path: str) -> dict[str, Any]:
    """The TOML file at `path`, relative to this folder."""
    return tomllib.loads(_text(path))


def read_json(path: str) -> dict[str, Any]:
    """The JSON object at `path`, relative to this folder."""
    content: dict[str, Any] = json.loads(_text(path))
    return content


def read_csv(path: str) -> list[dict[str, str]]:
    """The rows of the CSV file at `path`, relative to this folder."""
    return list(csv.DictReader(_text(path).splitlines()))


def _text(path: str) -> str:
    return resources.files("app.seed").joinpath(path).read_text(encoding="utf-8")
