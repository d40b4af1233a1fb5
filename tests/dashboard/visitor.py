"""A visitor with a browser's cookies and forms, but without its script."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser

import httpx

from tests.api.door import PASSWORD, Door

HTML = {"Accept": "text/html,application/xhtml+xml"}


@dataclass
class Visitor:
    """Somebody at the door; cookies stay in the client."""

    door: Door

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.door.client.get(path, headers={**HTML, **headers})

    async def send(self, path: str, **fields: str) -> httpx.Response:
        return await self.door.client.post(path, data=fields, headers=HTML)

    async def sign_in(self, username: str, password: str = PASSWORD, target: str = "/") -> httpx.Response:
        form = await self.get(f"/sign-in?next={target}")
        return await self.send("/sign-in", username=username, password=password, **hidden(form.text))


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of the forms of a page that are posted."""
    posted = "".join(re.findall(r'<form method="post".*?</form>', page, re.DOTALL))
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', posted)
    return {name: unescape(value) for name, value in found}


@dataclass
class Page(HTMLParser):
    """What a page says, by its headings: the cells of each table row, and all text."""

    rows: dict[str, list[list[str]]] = field(default_factory=dict)
    terms: dict[str, str] = field(default_factory=dict)
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._heading = ""
        self._open: list[str] = []
        self._term = ""

    @classmethod
    def of(cls, text: str) -> Page:
        page = cls()
        page.feed(text)
        return page

    @property
    def ids(self) -> list[str]:
        return [value for _, attributes in self.tags if (value := attributes.get("id"))]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "h2":
            self._heading = dict(attrs).get("id") or ""
        if tag == "tr":
            self.rows.setdefault(self._heading, []).append([])
        if tag in ("td", "th"):
            self.rows[self._heading][-1].append("")
        if tag == "dt":
            self._term = ""
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        words = " ".join(data.split())
        if not words:
            return
        if "dt" in self._open:
            self._term += words
        elif "dd" in self._open and "small" not in self._open:
            self.terms[self._term] = words
        elif {"td", "th"} & set(self._open):
            cells = self.rows[self._heading][-1]
            cells[-1] = f"{cells[-1]} {words}".strip()


async def signed_in(door: Door, username: str, role: str, *units: str) -> Visitor:
    """A new officer's browser, signed in; whoever used it before is forgotten."""
    door.client.cookies.clear()
    await door.officer(username, role, units)
    visitor = Visitor(door)
    await visitor.sign_in(username)
    return visitor
