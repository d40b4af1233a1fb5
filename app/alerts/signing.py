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
"""How long the former secret signs too after a rotation, so that the receiver can change over without a loss."""

_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secret of a webhook, and the former one while it still signs."""

    current: str
    former: str | None = None
    former_until: datetime | None = None

    @classmethod
    def new(cls) -> Secrets:
        """A fresh secret: `whsec_` and 32 random bytes in base64."""
        return cls(f"whsec_{base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}")

    def rotated(self, now: datetime) -> Secrets:
        """A fresh secret with this one as the former."""
        return Secrets(Secrets.new().current, self.current, now + OVERLAP)

    def headers(self, message_id: str, body: bytes, *, at: datetime) -> dict[str, str]:
        """The Standard Webhooks headers of one message sent at `at`."""
        signing = [self.current]
        if self.former is not None and self.former_until is not None and at < self.former_until:
            signing.append(self.former)
        signatures = [Signer(each).sign(message_id, at, body.decode()) for each in signing]
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(signatures),
        }

    def seal(self, vault: Vault) -> bytes:
        """What the database keeps."""
        until = self.former_until.isoformat() if self.former_until is not None else None
        return vault.seal_json({"current": self.current, "former": self.former, "former_until": until}, PURPOSE)

    @classmethod
    def unseal(cls, sealed: bytes, vault: Vault) -> Secrets:
        """The secrets that `seal` kept.

        Raises: CannotOpen, when the data key is another one.
        """
        kept = vault.open_json(sealed, PURPOSE)
        assert isinstance(kept, dict)
        until = kept["former_until"]
        return cls(kept["current"], kept["former"], datetime.fromisoformat(until) if until else None)
