"""What differs from one Open311 server to the next, as checked options."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from connectors import reading
from connectors.contract import InvalidOption
from connectors.options import check_choice, check_range, check_zone


@dataclass(frozen=True, slots=True)
class Open311Options:
    """How a server is asked and its records are read; the README has a line for each.

    Raises: InvalidOption for a value out of range.
    """

    format: str = "json"
    jurisdiction_id: str = ""
    page_name: str = "page"
    first_page: int = 1
    size_name: str = "page_size"
    page_size: int = 0
    page_limit: int = 500
    call_limit: int = 1000
    extensions: bool = False
    start_date: str = "utc"
    accept_encoding: str = ""
    items: str = ""
    first_days: int = 30
    lookback_days: int = 90
    window_days: int = 90
    trust_due: bool = True
    trust_updated: bool = True
    timezone: str = "Asia/Jakarta"
    bounds: str = ""
    city: str = ""

    def __post_init__(self) -> None:
        check_choice("format", self.format, ("json", "xml"))
        check_choice("start_date", self.start_date, ("utc", "local"))
        check_range("first_page", self.first_page, low=0, high=1)
        check_range("page_size", self.page_size, low=0, high=10_000)
        check_range("page_limit", self.page_limit, low=1, high=100_000)
        check_range("call_limit", self.call_limit, low=1, high=1_000_000)
        check_range("first_days", self.first_days, low=0, high=3660)
        check_range("lookback_days", self.lookback_days, low=0, high=3660)
        check_range("window_days", self.window_days, low=1, high=90)
        check_zone(self.timezone)
        _read_bounds(self.bounds)
        _read_city(self.city)

    @property
    def zone(self) -> ZoneInfo:
        """The zone of times without offset, and of the ones we send with `start_date=local`."""
        return ZoneInfo(self.timezone)

    @property
    def area(self) -> reading.Bounds:
        """Where coordinates must lie."""
        return _read_bounds(self.bounds)

    @property
    def unit_root(self) -> tuple[str, str] | None:
        """Code and name of a city whose agencies become units of their own; None where they are ours."""
        return _read_city(self.city)


def _read_bounds(text: str) -> reading.Bounds:
    if not text:
        return reading.WORLD
    try:
        south, west, north, east = map(float, text.split(","))
    except ValueError as error:
        raise InvalidOption("bounds", "must be south,west,north,east in degrees") from error
    if not (-90 <= south < north <= 90 and -180 <= west < east <= 180):
        raise InvalidOption("bounds", "must be south,west,north,east in degrees")
    return reading.Bounds(south, west, north, east)


def _read_city(text: str) -> tuple[str, str] | None:
    if not text:
        return None
    code, colon, name = (part.strip() for part in text.partition(":"))
    if not (code and colon and name):
        raise InvalidOption("city", "must be a unit's code and name, such as us-chicago:City of Chicago")
    return code, name
