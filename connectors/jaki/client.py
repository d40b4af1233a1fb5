"""The one call of the JAKI feed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from connectors.contract import Client, NotFound, UnexpectedPayload
from connectors.fetch import decode_json

PAGE_SIZE = 200
_ENOUGH_TO_JUDGE = 3
_REQUIRED = frozenset({"id", "created_at"})
_CURSOR_REFUSALS = frozenset({400, 404, 410, 422})


class CursorExpired(Exception):
    """The page cursor is no longer known: the pass has to start again."""


@dataclass(frozen=True, slots=True)
class Page:
    """The records of one page and the cursor of the next one, None after the last."""

    records: list[object]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class JakiClient:
    """JAKI at a base URL, with its bearer token."""

    base_url: str
    token: str | None

    async def page(self, client: Client, *, updated_since: datetime | None, cursor: str | None) -> Page:
        """One page of the reports changed since an instant (None: as far back as JAKI gives).

        Raises: CursorExpired; as `Client.get`; UnexpectedPayload where the answer is not a page as we know it.
        """
        params = {"limit": str(PAGE_SIZE)}
        if updated_since is not None:
            params["updated_since"] = updated_since.isoformat()
        if cursor is not None:
            params["cursor"] = cursor
        try:
            response = await client.get(f"{self.base_url}/reports", params=params, headers=self._headers())
        except (NotFound, UnexpectedPayload) as error:
            if cursor is not None and error.status in _CURSOR_REFUSALS:
                raise CursorExpired from error
            raise UnexpectedPayload(f"JAKI has no list of reports there: {error}", status=error.status) from error
        return _page(decode_json(response))

    def _headers(self) -> dict[str, str]:
        return {"Accept": "application/json"} | ({"Authorization": f"Bearer {self.token}"} if self.token else {})


def _page(value: object) -> Page:
    if not isinstance(value, dict) or not isinstance(value.get("data"), list):
        keys = f" with the keys {', '.join(sorted(value)[:10])[:200]}" if isinstance(value, dict) else ""
        raise UnexpectedPayload(f"JAKI answered with {type(value).__name__}{keys} where a page with data was expected")
    records, cursor = value["data"], value.get("next_cursor")
    if len(records) >= _ENOUGH_TO_JUDGE and not any(
        isinstance(one, dict) and one.keys() >= _REQUIRED for one in records
    ):
        raise UnexpectedPayload(f"none of the {len(records)} records has the fields {', '.join(sorted(_REQUIRED))}")
    if cursor is not None and not isinstance(cursor, str | int):
        raise UnexpectedPayload("next_cursor is neither a text nor null")
    return Page(records, None if cursor in (None, "") else str(cursor))
