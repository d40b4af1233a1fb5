"""XML answers become plain values by their local names; no document type, no entities, no depth without end."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

_DEPTH = 60


class UnreadableMarkup(Exception):
    """The body is not whole XML of the kind that is read."""


@dataclass(slots=True)
class _Element:
    name: str
    text: list[str] = field(default_factory=list)
    children: dict[str, list[object]] = field(default_factory=dict)

    def value(self) -> object:
        """Its text; with children an object, in which a name that comes twice holds a list."""
        if not self.children:
            return "".join(self.text)
        return {name: found if len(found) > 1 else found[0] for name, found in self.children.items()}


class _Tree:
    """Builds values while the parser walks; stops at the first declaration that could define an entity."""

    def __init__(self) -> None:
        self.open = [_Element("")]
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _refuse(self, *_: object) -> None:
        raise UnreadableMarkup("it declares a document type")

    def _start(self, name: str, _: object) -> None:
        if len(self.open) > _DEPTH:
            raise UnreadableMarkup(f"it is nested deeper than {_DEPTH} elements")
        self.open.append(_Element(name.rsplit(":", 1)[-1]))

    def _end(self, _: str) -> None:
        done = self.open.pop()
        self.open[-1].children.setdefault(done.name, []).append(done.value())

    def _text(self, text: str) -> None:
        self.open[-1].text.append(text)


def xml_value(body: bytes) -> dict[str, object]:
    """`{root: value}` of an XML document: an element without children is its text, attributes do not count.

    Raises: UnreadableMarkup, whose message holds nothing of the body.

    >>> xml_value(b"<a:list xmlns:a='x'><item><id>015</id><note/></item></a:list>")
    {'list': {'item': {'id': '015', 'note': ''}}}
    """
    tree = _Tree()
    try:
        tree.parser.Parse(body, True)
    except (expat.ExpatError, UnicodeError, ValueError) as error:
        raise UnreadableMarkup(f"it is not whole XML ({type(error).__name__})") from error
    found = tree.open[0].value()
    return found if isinstance(found, dict) else {}
