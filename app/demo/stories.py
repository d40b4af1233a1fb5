"""What the city complains about, in which words, and who handles it; read from stories.toml."""

from __future__ import annotations

import html
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from app.demo.chance import Lottery
from app.demo.places import Village

T = TypeVar("T")

_FILE = Path(__file__).with_name("stories.toml")
_FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Handler:
    """A kind of unit that does work: its top (None: the village office itself), its arm in each city, its pace."""

    key: str
    top: str | None
    district: str | None
    work_hours: float
    is_heavy: bool

    def units(self, village: Village) -> tuple[str, str]:
        """The unit that a report goes to first and the one that does the work, for a place."""
        if self.top is None:
            return village.unit, village.unit
        top = self.top.format(kecamatan=village.district.upper())
        if self.district is None or village.is_island:
            return top, top
        return top, f"{self.district} {village.city.upper()}"


@dataclass(frozen=True, slots=True)
class Category:
    """A category by its clean name; `crm_labels` are the other spellings that CRM brings."""

    number: int
    name: str
    crm_labels: tuple[str, ...]
    handlers: Lottery[str] = field(compare=False)
    stories: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Tale:
    """A complaint in its writer's words; `near` is the landmark of its address."""

    title: str
    text: str
    near: str


@dataclass(frozen=True, slots=True)
class Stories:
    """Everything in stories.toml, ready to draw from."""

    handlers: dict[str, Handler]
    dry: Lottery[Category]
    rainy: Lottery[Category]
    streets: tuple[str, ...]
    near: tuple[str, ...]
    since: tuple[str, ...]
    closings: tuple[str, ...]

    def category(self, rng: Random, *, is_rainy: bool) -> Category:
        """What a report is about, by the weather."""
        return (self.rainy if is_rainy else self.dry).draw(rng)

    def tell(self, rng: Random, category: Category, street: str) -> Tale:
        """A complaint about this street; now and then with a telephone number that must never be shown."""
        title, text = pick(rng, category.stories)
        fields = {"spot": street, "near": pick(rng, self.near), "since": pick(rng, self.since)}
        number = int(rng.random() * 10_000)
        words = [_fill(text, fields, number), pick(rng, self.closings)]
        if rng.random() < 0.025:
            words.append(f"Hubungi saya di {_phone(number)}.")
        said = " ".join(filter(None, words))
        # The real feeds leave entities in some of their texts: `berlubang &amp; sehingga`.
        said = html.escape(said, quote=False) if rng.random() < 0.4 else said
        return Tale(_fill(title, fields, number), said, fields["near"])


def load_stories() -> Stories:
    """The stories as shipped."""
    content = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    wording = {name: tuple(words) for name, words in content["wording"].items()}
    rows = content["categories"]
    categories = [_category(number, row) for number, row in enumerate(rows, start=1)]
    return Stories(
        handlers={key: _handler(key, row) for key, row in content["handlers"].items()},
        dry=Lottery(categories, [row["weight"] for row in rows]),
        rainy=Lottery(categories, [row["weight"] * row.get("rain", 1) for row in rows]),
        **wording,
    )


def pick(rng: Random, words: Sequence[T]) -> T:
    """One of these, each as likely as the other."""
    return words[int(rng.random() * len(words))]


def _handler(key: str, row: dict[str, Any]) -> Handler:
    return Handler(key, row.get("top"), row.get("district"), row["work_hours"], row.get("is_heavy", False))


def _category(number: int, row: dict[str, Any]) -> Category:
    stories = tuple((title, text) for title, text in row["stories"])
    return Category(number, row["name"], tuple(row.get("crm_labels", ())), Lottery.of(row["handlers"]), stories)


def _fill(text: str, fields: dict[str, str], number: int) -> str:
    """The text with its fields filled in; personal data has the shape of the real thing and belongs to nobody."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name in fields:
            return fields[name]
        personal = {
            "phone": _phone(number),
            "plate": f"B 0{number % 1000:03d} ZZ",
            "nik": f"317100000000{number:04d}",
            "email": f"warga{number:04d}@surat.example",
        }
        return personal[name]

    return _FIELD.sub(value, text)


def _phone(number: int) -> str:
    return f"0812-0000-{number:04d}"
