"""Every knob of this installation, typed; the only reader of the environment."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Literal, Self
from urllib.parse import SplitResult, parse_qs, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import limits
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

PREFIX = "TANGGAP_"
_ROLES = frozenset({"viewer", "officer", "supervisor", "admin", "service"})
SECRET_LENGTH = 32
"""Characters below which a secret key can be guessed; `weaknesses` says so."""


class SettingsError(Exception):
    """A setting is bad or missing; the message is one line that names the variable."""


def _database_url(text: str) -> str:
    """The URL with the driver this service uses: pysqlite or psycopg, never left to a default."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise PydanticCustomError("database_url", "is not a database URL") from error
    if url.drivername in {"postgresql", "postgresql+psycopg"}:
        return _rendered(url.set(drivername="postgresql+psycopg"))
    if url.drivername != "sqlite":
        raise PydanticCustomError("database_url", "must begin with sqlite:/// or postgresql+psycopg://")
    if not url.database or url.database == ":memory:":
        raise PydanticCustomError("database_url", "must name a file, because several connections share it")
    return _rendered(url)


def _rendered(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def _web_url(text: str) -> str:
    parts = _parts(text)
    if parts is None or parts.scheme not in {"http", "https"}:
        raise PydanticCustomError("web_url", "must be an http:// or https:// address")
    if parts.query or parts.fragment or parts.username:
        raise PydanticCustomError("web_url", "must have no user, query or fragment")
    return text.rstrip("/")


def _issuer(url: str) -> str:
    """Whoever can answer in the issuer's place signs in as anybody: without TLS that is everybody on the way."""
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        raise PydanticCustomError("issuer", "must be an https:// address")
    return url


def _role_pair(text: object) -> tuple[str, str]:
    name, _, role = (part.strip() for part in str(text).rpartition("="))
    if not name or role not in _ROLES:
        raise PydanticCustomError("role_map", "must read like kepala-dinas=supervisor,petugas=officer")
    return name, role


def _smtp_url(secret: SecretStr) -> SecretStr:
    parts = _parts(secret.get_secret_value())
    if parts is None or parts.scheme not in {"smtp", "smtp+starttls", "smtps"}:
        raise PydanticCustomError(
            "smtp_url", "must be smtp://[user:password@]host[:port], smtp+starttls:// or smtps://"
        )
    asked = parse_qs(parts.query, keep_blank_values=True)
    if asked.keys() - {"from"} or parts.path.strip("/") or parts.fragment:
        raise PydanticCustomError("smtp_url", "may say ?from=address behind the host, and nothing else")
    for sender in asked.get("from", ()):
        _mail_address(sender)
    return secret


def _mail_address(text: str) -> str:
    if len(text) > 254 or not re.fullmatch(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", text):
        raise PydanticCustomError("mail_address", "must be an e-mail address such as tanggap@example.go.id")
    return text


def _parts(text: str) -> SplitResult | None:
    """The parts of an address; None when it has no host or a port that is none."""
    try:
        parts = urlsplit(text)
        return parts if parts.hostname and parts.port != 0 else None
    except ValueError:
        return None


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise PydanticCustomError("zone", "is not a known time zone such as Asia/Jakarta") from error
    return name


def _rate(text: str) -> str | None:
    if text.strip().lower() == "off":
        return None
    try:
        amount = limits.parse(text).amount
    except ValueError:
        amount = 0
    if amount < 1:
        raise PydanticCustomError("rate", "must read like 600/minute, or off")
    return text.strip()


def _split(value: object) -> object:
    """A comma list as its parts; anything that is no text is left to the type's own check."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _host(text: str) -> str:
    """A host name or an address, lower case; without scheme and port, because every port is meant."""
    name = text.lower().removeprefix("[").removesuffix("]").rstrip(".")
    if not _is_address(name) and not re.fullmatch(r"[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?", name):
        raise PydanticCustomError("host", "must list host names or addresses, without scheme, port or path")
    return name


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        raise PydanticCustomError("network", "must list addresses or networks such as 10.0.0.0/8") from error
    return text


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _not_blank(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().strip():
        raise PydanticCustomError("blank", "must not be blank")
    return secret


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
WebUrl = Annotated[str, AfterValidator(_web_url)]
Key = Annotated[SecretStr, AfterValidator(_not_blank)]
Keys = Annotated[tuple[Key, ...], NoDecode, BeforeValidator(_split)]
Days = Annotated[int, Field(ge=0, le=36_500)]
Host = Annotated[str, AfterValidator(_host)]
MailAddress = Annotated[str, AfterValidator(_mail_address)]
MailAddresses = Annotated[tuple[MailAddress, ...], NoDecode, BeforeValidator(_split)]
Network = Annotated[str, AfterValidator(_network)]
Networks = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_split)]
Hosts = Annotated[tuple[Host, ...], NoDecode, BeforeValidator(_split)]
RolePair = Annotated[tuple[str, str], BeforeValidator(_role_pair)]
RoleMap = Annotated[tuple[RolePair, ...], NoDecode, BeforeValidator(_split)]
Pause = Annotated[float, Field(ge=0, le=30 * 86400, allow_inf_nan=False)]
Pauses = Annotated[tuple[Pause, ...], NoDecode, BeforeValidator(_split)]
LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_upper)]


class Settings(BaseSettings):
    """What the environment (or `.env`) says, checked; build it with `load_settings`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    secret_key: Key
    data_key: Key | None = None
    data_key_old: Keys = ()
    database_url: DatabaseUrl = "sqlite:///tanggap.db"
    replica_url: DatabaseUrl | None = None
    timezone: Annotated[str, AfterValidator(_zone)] = "Asia/Jakarta"
    language: Literal["id", "en"] = "id"
    lease_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    log_level: LogLevel = "INFO"
    log_format: Literal["console", "json"] = "console"
    oidc_issuer: Annotated[WebUrl, AfterValidator(_issuer)] | None = None
    oidc_audience: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_role_claim: str = "roles"
    oidc_units_claim: str = "units"
    oidc_role_map: RoleMap = ()
    smtp_url: Annotated[SecretStr, AfterValidator(_smtp_url)] | None = None
    operator_email: MailAddresses = ()
    public_url: WebUrl | None = None
    rate_limit: Annotated[str, AfterValidator(_rate)] | None = "600/minute"
    remember_seconds: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 1.0
    source_rate: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] = 5.0
    webhook_retry_seconds: Pauses = (5, 30, 120, 600, 3600, 21_600, 86_400)
    evidence_max_bytes: Annotated[int, Field(ge=64 * 1024, le=32 * 1024 * 1024)] = 10 * 1024 * 1024
    evidence_far_m: Annotated[int, Field(ge=10, le=100_000)] = 500
    webhook_off_days: Annotated[int, Field(ge=0, le=365)] = 7
    delivery_days: Annotated[int, Field(ge=30, le=3650)] = 400
    disk_left_percent: Annotated[int, Field(ge=0, le=100)] = 10
    streams_per_caller: Annotated[int, Field(ge=1, le=100_000)] = 1_000
    claim_hours: Annotated[int, Field(ge=1, le=8760)] = 24
    reject_days: Annotated[int, Field(ge=1, le=3650)] = 180
    close_after_days: Annotated[int, Field(ge=0, le=365)] = 5
    retention_identity_days: Days = 0
    retention_raw_days: Days = 0
    retention_words_days: Days = 0
    retention_evidence_days: Days = 0
    allowed_hosts: Hosts = ()
    trusted_proxies: Networks = ("127.0.0.1",)
    allowed_source_hosts: Hosts = ()
    allowed_webhook_hosts: Hosts = ()
    metrics_public: bool = False

    @model_validator(mode="after")
    def _oidc_is_whole(self) -> Self:
        if (self.oidc_issuer is None) != (self.oidc_audience is None):
            missing = "OIDC_AUDIENCE" if self.oidc_audience is None else "OIDC_ISSUER"
            raise PydanticCustomError("oidc", "{name}: is needed beside the other OIDC setting", {"name": missing})
        if self.oidc_client_id is not None and self.oidc_issuer is None:
            raise PydanticCustomError("oidc", "OIDC_ISSUER: is needed beside OIDC_CLIENT_ID")
        if self.oidc_client_secret is not None and self.oidc_client_id is None:
            raise PydanticCustomError("oidc", "OIDC_CLIENT_ID: is needed beside OIDC_CLIENT_SECRET")
        return self

    @cached_property
    def zone(self) -> ZoneInfo:
        """The city's own zone: what a local day is."""
        return ZoneInfo(self.timezone)

    @property
    def claim_lasts(self) -> timedelta:
        """How long a claim lasts after its holder's last entry."""
        return timedelta(hours=self.claim_hours)

    def derive_key(self, purpose: str) -> bytes:
        """32 bytes out of SECRET_KEY that serve one purpose only (cursors, cross-site tokens, ...)."""
        return _derived(self.secret_key, purpose)

    def data_key_bytes(self) -> bytes:
        """The 32 bytes that encrypt raw records and identities: from DATA_KEY, or from SECRET_KEY when that is absent.

        A SECRET_KEY is therefore changed without loss by setting DATA_KEY to the old one.
        """
        return _derived(self.data_key or self.secret_key, "data")

    def former_data_keys(self) -> list[bytes]:
        """The keys that DATA_KEY_OLD lists, which open what they sealed and seal nothing any more."""
        return [_derived(each, "data") for each in self.data_key_old]

    def weaknesses(self) -> Iterator[str]:
        """What works but should not stay so, one plain sentence each."""
        for name, secret in (("SECRET_KEY", self.secret_key), ("DATA_KEY", self.data_key)):
            if secret is not None and len(secret.get_secret_value()) < SECRET_LENGTH:
                yield f"{PREFIX}{name} is shorter than {SECRET_LENGTH} characters and could be guessed."

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={shown}' for name, shown in self._shown())})"

    __str__ = __repr__

    def _shown(self) -> Iterator[tuple[str, str]]:
        for name in type(self).model_fields:
            value = getattr(self, name)
            is_url = name in {"database_url", "replica_url"} and value is not None
            yield name, repr(hide_password(value)) if is_url else repr(value)


def load_settings(**given: object) -> Settings:
    """The settings of the environment, with `given` ones (field names) on top.

    Raises: SettingsError, when any is bad or missing.
    """
    try:
        return Settings(**given)  # type: ignore[arg-type]  # the values are checked by the model itself
    except ValidationError as error:
        raise SettingsError("; ".join(_line(detail) for detail in error.errors())) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f".env cannot be read: {type(error).__name__}") from error


def hide_password(url: str) -> str:
    """A database URL fit for a log line."""
    return make_url(url).render_as_string(hide_password=True)


def _line(detail: ErrorDetails) -> str:
    """The variable and what is wrong with it, never its value."""
    message = detail["msg"].splitlines()[0]
    if not detail["loc"]:
        return f"{PREFIX}{message}"
    name = f"{PREFIX}{str(detail['loc'][0]).upper()}"
    if detail["type"] == "missing":
        return f"{name}: is required and not set"
    return f"{name}: {message[0].lower()}{message[1:]}"


def _derived(secret: SecretStr, purpose: str) -> bytes:
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"tanggap {purpose}".encode())
    return kdf.derive(secret.get_secret_value().encode())
