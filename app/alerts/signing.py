"""Secrets of webhooks: made here, kept sealed, and signed with as Standard Webhooks says."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from standardwebhooks import Webhook as Signer

from app.vault import Vault

PURPOSE = "webhook"
"""What the vault binds a sealed secret to."""

OVERLAP = timedelta(hours=24)
"""How long a former secret signs too after a rotation, so that the receiver can change over without a loss."""

_SECRET_BYTES = 32
_FORMER_AT_MOST = 5
"""A message carries a signature of each, and its headers must not grow without end."""


@dataclass(frozen=True, slots=True)
class Former:
    """A secret that was replaced, and until when it signs too."""

    secret: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secret of a webhook, and the former ones while they still sign, newest first."""

    current: str
    former: tuple[Former, ...] = ()

    @classmethod
    def new(cls) -> Secrets:
        """A fresh secret: `whsec_` and 32 random bytes in base64."""
        return cls(f"whsec_{base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}")

    def rotated(self, now: datetime) -> Secrets:
        """A fresh secret; this one is a former one now, beside those whose day is not over.

        Whoever rotates again because the answer was lost does not cut off a receiver that holds the secret before.
        """
        former = (Former(self.current, now + OVERLAP), *(each for each in self.former if now < each.until))
        return Secrets(Secrets.new().current, former[:_FORMER_AT_MOST])

    def headers(self, message_id: str, body: bytes, *, at: datetime) -> dict[str, str]:
        """The Standard Webhooks headers of one message sent at `at`."""
        signing = [self.current, *(each.secret for each in self.former if at < each.until)]
        signatures = [Signer(each).sign(message_id, at, body.decode()) for each in signing]
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(signatures),
        }

    def seal(self, vault: Vault) -> bytes:
        """What the database keeps; the newest former secret stands where older programs look for the only one."""
        former = [(each.secret, each.until.isoformat()) for each in self.former]
        secret, until = former[0] if former else (None, None)
        kept = {"current": self.current, "former": secret, "former_until": until, "older": former[1:]}
        return vault.seal_json(kept, PURPOSE)

    @classmethod
    def unseal(cls, sealed: bytes, vault: Vault) -> Secrets:
        """The secrets that `seal` kept.

        Raises: CannotOpen, when the data key is another one.
        """
        kept = vault.open_json(sealed, PURPOSE)
        assert isinstance(kept, dict)
        newest = [(kept["former"], kept["former_until"])] if kept["former"] is not None else []
        former = [Former(secret, datetime.fromisoformat(until)) for secret, until in (*newest, *kept.get("older", ()))]
        return cls(kept["current"], tuple(former))
