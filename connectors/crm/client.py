"""The two calls of CRM's public dashboard interface."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from connectors.contract import AccessDenied, Client, NotFound, UnexpectedPayload
from connectors.fetch import decode_json

_ENOUGH_TO_JUDGE = 3
_REQUIRED = frozenset({"id", "createdAt"})


@dataclass(frozen=True, slots=True)
class CrmClient:
    """CRM at a base URL, with a bearer token where one is needed."""

    base_url: str
    token: str | None

    async def list_day(self, client: Client, day: date) -> list[object]:
        """The public complaints that were made on one WIB day.

        Raises: as `Client.get`; UnexpectedPayload where the answer is no list of records as we know them.
        """
        params = {"dateStart": day.isoformat(), "dateEnd": day.isoformat(), "zoneId": "", "isPrivacy": "0"}
        url = f"{self.base_url}/api/public/dashboard/distribution-map"
        try:
            response = await client.get(url, params=params, headers=self._headers())
        except NotFound as error:
            raise UnexpectedPayload(f"CRM has no list call there: {error}", status=error.status) from error
        return _items(decode_json(response))

    async def detail(self, client: Client, external_id: str) -> object:
        """The detail answer of one complaint; None where CRM refuses to give one.

        Raises: SourceUnavailable, RateLimited; AccessDenied for refused credentials (401).
        """
        url = f"{self.base_url}/api/public/dashboard/detail"
        try:
            return decode_json(await client.get(url, params={"id": external_id}, headers=self._headers()))
        except (NotFound, UnexpectedPayload):
            return None
        except AccessDenied as error:
            if error.status != 403:
                raise
            return None

    def _headers(self) -> dict[str, str]:
        return {"Accept": "application/json"} | ({"Authorization": f"Bearer {self.token}"} if self.token else {})


def _items(value: object) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list):
        keys = f" with the keys {', '.join(sorted(value)[:10])[:200]}" if isinstance(value, dict) else ""
        raise UnexpectedPayload(f"CRM answered with {type(value).__name__}{keys} where a list was expected")
    if len(value) >= _ENOUGH_TO_JUDGE and not any(
        isinstance(item, dict) and item.keys() >= _REQUIRED for item in value
    ):
        raise UnexpectedPayload(f"none of the {len(value)} records has the fields {', '.join(sorted(_REQUIRED))}")
    return value
