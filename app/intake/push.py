"""Messages that a source pushes to us: signed, taken in once, read by the same mapping as its pulls."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from standardwebhooks import Webhook as Signer

from app.complaint.errors import Conflict, InvalidInput
from app.db.states import RunKind
from app.db.tables.intake import PushedMessage
from app.db.tables.sources import Source, SourceRun
from app.intake.batches import undetailed
from app.intake.beside import Desk, Stored, store_beside
from app.intake.connecting import RereadingConnector
from app.intake.tally import Tally
from app.vault import Vault
from connectors.contract import Batch, IncomingComplaint, Reject

TOLERANCE = timedelta(minutes=5)
"""How far a message's time may lie from ours. Source: Standard Webhooks, read 2026-11."""
REMEMBERED = timedelta(days=7)
"""How long a message is known again; senders try for a day or two."""
MOST_RECORDS = 500

_SEALED_AS = "push-secret"
_SECRET_BYTES = 32
_LONGEST_ID = 200
_LISTS = ("data", "records")

ReadJson = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it came: the headers of Standard Webhooks and the body that they sign."""

    id: str
    timestamp: str
    signature: str
    body: bytes

    @classmethod
    def of(cls, headers: Mapping[str, str], body: bytes) -> Message:
        """The message of a request; a header that is missing is empty, and then nothing fits."""
        named = {name: headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")}
        return cls(**named, body=body)

    def is_genuine(self, secret: str, *, now: datetime) -> bool:
        """Whether its sender knows the secret, and sent it just now."""
        if not (0 < len(self.id) <= _LONGEST_ID and self.timestamp.isascii() and self.timestamp.isdigit()):
            return False
        sent_at = datetime.fromtimestamp(min(int(self.timestamp[:12]), 2**35), UTC)
        if abs(now - sent_at) > TOLERANCE:
            return False
        try:
            signed = Signer(secret).sign(self.id, sent_at, self.body.decode())
        except UnicodeDecodeError:
            return False
        given = (each.encode() for each in self.signature.split(" ")[:10])
        return any(hmac.compare_digest(signed.encode(), each) for each in given)


@dataclass(frozen=True, slots=True)
class Received:
    """What a message came to; `is_repeat` where it had been taken in before."""

    run_id: int
    tally: Tally
    is_repeat: bool


async def make_push_secret(connection: AsyncConnection, source: Row[Any], vault: Vault) -> str:
    """A new secret for the source, shown this once; a former one signs no more."""
    secret = f"whsec_{base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"
    sealed = vault.seal(secret.encode(), _SEALED_AS)
    await connection.execute(update(Source).where(Source.id == source.id).values(sealed_push_secret=sealed))
    return secret


def push_secret(source: Row[Any], vault: Vault) -> str | None:
    """The source's secret, opened; None for a source that nobody may push for."""
    sealed = source.sealed_push_secret
    return vault.open(sealed, _SEALED_AS).decode() if sealed is not None and source.is_enabled else None


async def receive(
    connection: AsyncConnection,
    desk: Desk,
    source: Row[Any],
    connector: RereadingConnector,
    message: Message,
    *,
    read_json: ReadJson,
) -> Received:
    """The records of a genuine message, stored; of a message that came before, what it came to then.

    Raises: InvalidInput for a body that holds no records; Conflict for another body under the id of a former message.
    """
    body_hash = hashlib.sha256(message.body).hexdigest()
    former = await _former(connection, source.id, message.id, body_hash)
    if former is not None:
        return former
    batch = _batch(connector, _records(message.body, read_json))
    stored = await store_beside(connection, desk, source, connector, RunKind.PUSH, batch)
    await _remember(connection, desk, source.id, message.id, body_hash, stored)
    return Received(stored.run_id, stored.tally, is_repeat=False)


async def forget_messages(connection: AsyncConnection, *, before: datetime) -> None:
    """Drop the ids of messages that came before an instant."""
    await connection.execute(delete(PushedMessage).where(PushedMessage.received_at < before))


async def _former(connection: AsyncConnection, source_id: int, message_id: str, body_hash: str) -> Received | None:
    statement = (
        select(PushedMessage.body_hash, *SourceRun.__table__.c)
        .join(SourceRun, SourceRun.id == PushedMessage.run_id)
        .where(PushedMessage.source_id == source_id, PushedMessage.message_id == message_id)
    )
    row = (await connection.execute(statement)).one_or_none()
    if row is None:
        return None
    if row.body_hash != body_hash:
        raise Conflict(f"message {message_id} came before with another body")
    tally = Tally(row.created, row.linked, row.updated, row.unchanged, row.rejected)
    return Received(row.id, tally, is_repeat=True)


async def _remember(
    connection: AsyncConnection, desk: Desk, source_id: int, message_id: str, body_hash: str, stored: Stored
) -> None:
    row = {"source_id": source_id, "message_id": message_id, "body_hash": body_hash}
    try:
        await connection.execute(
            insert(PushedMessage).values({**row, "run_id": stored.run_id, "received_at": desk.now})
        )
    except IntegrityError as error:
        raise Conflict(f"message {message_id} is being taken in just now; send it again") from error


def _records(body: bytes, read_json: ReadJson) -> Sequence[object]:
    """One record, a list of them, or an object with a list of them under `data` or `records`."""
    try:
        value = read_json(body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InvalidInput("body", "is not JSON") from error
    if isinstance(value, dict):
        value = next((value[name] for name in _LISTS if isinstance(value.get(name), list)), [value])
    if not isinstance(value, list) or not value:
        raise InvalidInput("body", "holds no records: send an object, or a list of objects")
    if len(value) > MOST_RECORDS:
        raise InvalidInput("body", f"holds {len(value)} records; send at most {MOST_RECORDS} at once")
    return value


def _batch(connector: RereadingConnector, records: Sequence[object]) -> Batch:
    try:
        found = [_read(connector, record) for record in records]
    except RecursionError as error:
        raise InvalidInput("body", "is nested too deeply") from error
    complaints = tuple(each for each in found if isinstance(each, IncomingComplaint))
    return Batch(complaints, tuple(each for each in found if isinstance(each, Reject)), None)


def _read(connector: RereadingConnector, record: object) -> IncomingComplaint | Reject:
    if not isinstance(record, dict):
        return Reject({"value": record}, "the record is not an object")
    found = connector.reread(record)
    return found if isinstance(found, Reject) else undetailed(connector, found)
