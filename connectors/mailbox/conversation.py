"""Which messages belong together, asked of the server: the first one, and all that answer it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.contract import Raw
from connectors.mailbox.client import Letter, Session
from connectors.mailbox.letters import read_letter
from connectors.mailbox.mapping import digest_id

_STEPS_UP = 50
_MEMBERS = 100
_HEAD = 2_000


class Conversations:
    """Finds the conversation of a message; remembers what it read, for a handful of messages."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._read: dict[int, Raw | None] = {}
        self._unreadable: dict[int, Letter] = {}

    async def of(self, uid: int) -> list[Raw]:
        """The raw record of the conversation that the message is part of; none where the message is gone.

        A message that cannot be read, or that a program wrote, is a record of its own, and will be a reject.
        """
        letter = await self._letter(uid)
        if letter is None:
            return [_unreadable(self._unreadable[uid])] if uid in self._unreadable else []
        if letter["is_automatic"]:
            return [_record([letter])]
        first = await self._first_of_its_id(uid, letter)
        if first != uid and not _is_copy(letter, await self._letter(first)):
            return [_record([letter], is_shared_id=True)]
        members = await self._members(await self._root(first))
        letters = [await self._letter(member) for member in sorted({*members, first})]
        written = (one for one in letters if one and not one["is_automatic"])
        # A letter that came twice, by two ways, is one letter.
        return [_record(list({digest_id(one): one for one in reversed(list(written))}.values())[::-1])]

    async def _first_of_its_id(self, uid: int, letter: Raw) -> int:
        message_id = letter["message_id"]
        found = await self._session.with_id(message_id) if message_id else []
        return min([*found, uid])

    async def _root(self, uid: int) -> int:
        """The oldest message, still there, that this one answers, directly or through others."""
        passed = {uid}
        for _ in range(_STEPS_UP):
            letter = await self._letter(uid)
            above = await self._oldest(letter["answers"] if letter else ())
            if above is None or above in passed:
                break
            passed.add(above)
            uid = above
        return uid

    async def _oldest(self, message_ids: Sequence[str]) -> int | None:
        """The first of the named messages that is there; they are named oldest first."""
        for message_id in message_ids[:_STEPS_UP]:
            for uid in await self._session.with_id(message_id):
                letter = await self._letter(uid)
                if letter and letter["message_id"] == message_id and not letter["is_automatic"]:
                    return uid
        return None

    async def _members(self, root: int) -> set[int]:
        members, waiting = {root}, [root]
        while waiting and len(members) < _MEMBERS:
            letter = await self._letter(waiting.pop())
            if letter and letter["message_id"]:
                found = set(await self._session.answers_to(letter["message_id"])) - members
                members |= found
                waiting += sorted(found)
        return members

    async def _letter(self, uid: int) -> Raw | None:
        if uid not in self._read:
            found = await self._session.letter(uid)
            letter = read_letter(found.content, received_at=found.received_at, size=found.size) if found else None
            self._read[uid] = letter
            if found and letter is None:
                self._unreadable[uid] = found
        return self._read[uid]


def _record(letters: Sequence[Raw], *, is_shared_id: bool = False) -> dict[str, Any]:
    return {"letters": [dict(one) for one in letters], "is_shared_id": is_shared_id}


def _unreadable(letter: Letter) -> dict[str, Any]:
    return {"letters": [], "size": letter.size, "head": letter.content[:_HEAD].decode("latin-1").replace("\x00", "")}


def _is_copy(letter: Raw, other: Raw | None) -> bool:
    """Whether two messages of one id say the same: one that came twice, not two that share an id."""
    names = ("from_address", "subject", "text", "html")
    return other is not None and all(letter[name] == other[name] for name in names)
