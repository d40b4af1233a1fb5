"""Messages as bytes become plain values: headers decoded, text found, attachments named; pure, and never raises."""

from __future__ import annotations

import email
import email.header
import email.utils
import re
from collections.abc import Iterator
from datetime import datetime
from email.errors import HeaderParseError
from email.message import Message
from html import unescape

from connectors import reading
from connectors.contract import Raw

TEXT_LIMIT = 200_000
_PARTS, _NAMES, _REFERENCES = 200, 50, 100
_MESSAGE_ID = re.compile(r"<[!#-;=?-\[\]-~]{1,190}>")
_SPACE = re.compile(r"\s+")
_MARK = re.compile(r"<(?:!--|(/?[A-Za-z][A-Za-z0-9]{0,20})|[!?/])")
_BREAK = "\x00"
_BLOCKS = frozenset(
    {"p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "blockquote"}
)
_HIDDEN = frozenset({"script", "style", "title", "template"})
_AUTOMATIC_SENDERS = ("mailer-daemon@", "postmaster@")
_BULK = frozenset({"bulk", "junk", "list", "auto_reply"})
_BROKEN = (ValueError, LookupError, TypeError, AttributeError, RecursionError, HeaderParseError)
"""What the standard library raises on messages that are none."""


def read_letter(content: bytes, *, received_at: datetime | None, size: int) -> Raw | None:
    """What a message says, as plain values; None for one that cannot be read.

    `text` and `html` are its first parts of that kind, decoded; `is_cut` says that we hold less than the whole.
    """
    try:
        return _letter(email.message_from_bytes(content), len(content) < size, received_at)
    except _BROKEN:
        return None


def _letter(message: Message, is_cut: bool, received_at: datetime | None) -> dict[str, object]:
    name, address = email.utils.parseaddr(_header(message, "From"))
    text, html, names = _bodies(message)
    at = received_at or _date(message)
    return {
        "message_id": next(iter(_ids(message, "Message-ID")), None),
        "answers": list(dict.fromkeys([*_ids(message, "References"), *_ids(message, "In-Reply-To")])),
        "subject": _header(message, "Subject"),
        "from_name": name,
        "from_address": address,
        "received_at": at.isoformat() if at else None,
        "text": text,
        "html": html if text is None else None,
        "attachments": names,
        "is_automatic": _is_automatic(message, address),
        "is_cut": is_cut,
    }


def _bodies(message: Message) -> tuple[str | None, str | None, list[str]]:
    """The first plain text, the first HTML, and the names of what is attached."""
    found: dict[str, str] = {}
    names: list[str] = []
    for number, part in enumerate(_leaves(message)):
        if number >= _PARTS:
            break
        kind = part.get_content_type()
        name = part.get_filename()
        if part.get_content_maintype() == "multipart":
            kind = "text/plain"  # it promises parts and has none: what is there is text
        if kind in ("text/plain", "text/html") and name is None and part.get_content_disposition() != "attachment":
            text = _decoded(part)
            if text.strip():
                found.setdefault(kind, text)
        elif len(names) < _NAMES:
            names.append(_plain(_words(str(name))) if name else kind)
    return found.get("text/plain"), found.get("text/html"), names


def _leaves(message: Message) -> Iterator[Message]:
    """The parts that hold something; a message inside the message is one attachment."""
    waiting = [message]
    while waiting:
        part = waiting.pop()
        inner = part.get_payload()
        if isinstance(inner, list) and part.get_content_maintype() == "multipart":
            waiting.extend(one for one in reversed(inner) if isinstance(one, Message))
        else:
            yield part


def _decoded(part: Message) -> str:
    """The text of a part in the first encoding that fits: what it says, UTF-8, Windows-1252."""
    payload = part.get_payload(decode=True)
    content = payload[: TEXT_LIMIT * 4] if isinstance(payload, bytes) else b""
    for charset in (str(part.get_content_charset() or "utf-8"), "utf-8"):
        try:
            return _plain(content.decode(charset))
        except (LookupError, ValueError):
            continue
    return _plain(content.decode("cp1252", "replace"))


def _plain(text: str) -> str:
    """What a database stores: line feeds alone, no NUL, no half character, no endless text."""
    fitting = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")[:TEXT_LIMIT]
    return fitting.encode("utf-8", "replace").decode()


def _header(message: Message, name: str) -> str:
    """A header decoded and on one line; empty where it is absent."""
    return _SPACE.sub(" ", _plain(_words(str(message.get(name) or "")))).strip()[: reading.URL_LIMIT]


def _words(text: str) -> str:
    """Encoded words (RFC 2047) decoded; a text that is not well encoded stays as it is."""
    try:
        return str(email.header.make_header(email.header.decode_header(text)))
    except _BROKEN:
        return text


def _ids(message: Message, name: str) -> list[str]:
    """The message ids in a header, as far as they can be searched for without harm."""
    return _MESSAGE_ID.findall(str(message.get(name) or ""))[:_REFERENCES]


def _date(message: Message) -> datetime | None:
    """What the sender says when; only used where the server does not say when it came."""
    try:
        found = email.utils.parsedate_to_datetime(str(message.get("Date") or ""))
    except _BROKEN:
        return None
    return found if found.tzinfo else None


def _is_automatic(message: Message, address: str) -> bool:
    """Whether a program wrote it: an absence note, a bounce, a newsletter."""
    submitted = _header(message, "Auto-Submitted").casefold().split(";")[0].strip()
    return (
        submitted not in ("", "no")
        or _header(message, "Precedence").casefold() in _BULK
        or message.get("List-Id") is not None
        or message.get_content_type() == "multipart/report"
        or address.casefold().startswith(_AUTOMATIC_SENDERS)
    )


def html_text(html: str) -> str:
    """The readable text of a page, blocks on lines of their own, nothing of scripts and styles.

    One walk from left to right, since the standard library's parser takes quadratic time on hostile markup.

    >>> html_text("<style>p {}</style><p>Lampu <b>mati</b> &amp; gelap</p><p>Terima kasih</p>")
    'Lampu mati & gelap\\n\\nTerima kasih'
    """
    lines = [_SPACE.sub(" ", line).strip() for line in "".join(_pieces(html[:TEXT_LIMIT])).split(_BREAK)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _pieces(html: str) -> Iterator[str]:
    """The texts between the marks, and a break for each mark that begins or ends a block."""
    at = 0
    while (start := _MARK.search(html, at)) is not None:
        yield unescape(html[at : start.start()]).replace(_BREAK, "")
        is_comment = html.startswith("<!--", start.start())
        end = html.find("-->" if is_comment else ">", start.end())
        if end < 0:
            return
        name, at = (start[1] or "").lower(), end + (3 if is_comment else 1)
        if name.lstrip("/") in _BLOCKS:
            yield _BREAK
        elif name in _HIDDEN:
            closing = re.compile(f"</{name}", re.IGNORECASE).search(html, at)
            if closing is None:
                return
            at = closing.start()
    yield unescape(html[at:]).replace(_BREAK, "")
