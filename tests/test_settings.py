"""Settings: each knob is checked at the start, and a bad one is named in one line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from app.settings import Settings, SettingsError, hide_password, load_settings

SECRET = "a-secret-of-more-than-thirty-two-characters"


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No `.env` but the test's own."""
    monkeypatch.chdir(tmp_path)
    yield


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("TANGGAP_SECRET_KEY", SECRET)
    return monkeypatch


def test_the_defaults_are_those_of_the_manual(environment: pytest.MonkeyPatch) -> None:
    settings = load_settings()
    assert settings.database_url == "sqlite:///tanggap.db"
    assert settings.zone == ZoneInfo("Asia/Jakarta")
    assert (settings.language, settings.lease_seconds, settings.source_rate) == ("id", 60, 5.0)
    assert (settings.rate_limit, settings.log_level, settings.log_format) == ("600/minute", "INFO", "console")
    assert settings.webhook_retry_seconds == (5, 30, 120, 600, 3600, 21600, 86400)
    assert (settings.allowed_hosts, settings.allowed_source_hosts, settings.allowed_webhook_hosts) == ((), (), ())
    assert settings.metrics_public is False
    assert settings.replica_url is settings.smtp_url is settings.public_url is settings.oidc_issuer is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "   "),
        ("DATA_KEY", "  "),
        ("DATABASE_URL", "mysql://root@localhost/tanggap"),
        ("DATABASE_URL", "postgresql+asyncpg://localhost/tanggap"),
        ("DATABASE_URL", "not a url"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("DATABASE_URL", "postgresql://host:port/tanggap"),
        ("REPLICA_URL", "redis://localhost"),
        ("TIMEZONE", "Asia/Batavia"),
        ("TIMEZONE", "../../etc/passwd"),
        ("TIMEZONE", "Asia"),
        ("LANGUAGE", "fr"),
        ("LEASE_SECONDS", "0"),
        ("LEASE_SECONDS", "soon"),
        ("LOG_LEVEL", "LOUD"),
        ("LOG_FORMAT", "xml"),
        ("PUBLIC_URL", "tanggap.example"),
        ("PUBLIC_URL", "ftp://tanggap.example"),
        ("PUBLIC_URL", "https://user:secret@tanggap.example"),
        ("PUBLIC_URL", "http://[::1"),
        ("OIDC_ISSUER", "http://login.example"),
        ("OIDC_ISSUER", "login.example"),
        ("OIDC_ROLE_MAP", "kepala-dinas=king"),
        ("OIDC_ROLE_MAP", "kepala-dinas"),
        ("TRUSTED_PROXIES", "proxy.internal"),
        ("TRUSTED_PROXIES", "*"),
        ("SMTP_URL", "mail.example:25"),
        ("SMTP_URL", "smtp://mail.example:port"),
        ("SMTP_URL", "smtp+tls://mail.example"),
        ("SMTP_URL", "smtp://mail.example?from=nobody"),
        ("SMTP_URL", "smtp://mail.example?sender=a@b.example"),
        ("SMTP_URL", "smtp://mail.example/inbox"),
        ("OPERATOR_EMAIL", "ops@example.go.id,ops"),
        ("RATE_LIMIT", "often"),
        ("RATE_LIMIT", "0/minute"),
        ("SOURCE_RATE", "0"),
        ("SOURCE_RATE", "nan"),
        ("WEBHOOK_RETRY_SECONDS", "5,later"),
        ("WEBHOOK_RETRY_SECONDS", "-1"),
        ("ALLOWED_HOSTS", "https://a.example"),
        ("ALLOWED_SOURCE_HOSTS", "a.example:8000"),
        ("ALLOWED_WEBHOOK_HOSTS", "a.example/hook"),
        ("ALLOWED_WEBHOOK_HOSTS", "*"),
        ("METRICS_PUBLIC", "perhaps"),
    ],
)
def test_a_bad_value_gives_one_line_that_names_it(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    environment.setenv(f"TANGGAP_{name}", value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value).startswith(f"TANGGAP_{name}: ")
    assert len(str(caught.value).splitlines()) == 1
    assert "secret" not in str(caught.value)


def test_a_missing_secret_is_named() -> None:
    with pytest.raises(SettingsError, match=r"^TANGGAP_SECRET_KEY: is required and not set$"):
        load_settings()


def test_an_empty_value_is_an_absent_one(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TANGGAP_REPLICA_URL", "")
    environment.setenv("TANGGAP_LEASE_SECONDS", "")
    assert load_settings().replica_url is None
    environment.setenv("TANGGAP_SECRET_KEY", "")
    with pytest.raises(SettingsError, match="TANGGAP_SECRET_KEY"):
        load_settings()


def test_all_bad_values_are_told_at_once(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TANGGAP_LANGUAGE", "fr")
    environment.setenv("TANGGAP_LEASE_SECONDS", "0")
    with pytest.raises(SettingsError, match=r"TANGGAP_LANGUAGE: .*; TANGGAP_LEASE_SECONDS: "):
        load_settings()


@pytest.mark.parametrize(("given", "missing"), [("ISSUER", "AUDIENCE"), ("AUDIENCE", "ISSUER")])
def test_half_of_oidc_is_named(environment: pytest.MonkeyPatch, given: str, missing: str) -> None:
    environment.setenv(f"TANGGAP_OIDC_{given}", "https://login.example")
    with pytest.raises(SettingsError, match=f"^TANGGAP_OIDC_{missing}: "):
        load_settings()


@pytest.mark.parametrize(("given", "missing"), [("CLIENT_ID", "ISSUER"), ("CLIENT_SECRET", "CLIENT_ID")])
def test_half_of_an_oidc_sign_in_is_named(environment: pytest.MonkeyPatch, given: str, missing: str) -> None:
    environment.setenv(f"TANGGAP_OIDC_{given}", "tanggap")
    with pytest.raises(SettingsError, match=f"^TANGGAP_OIDC_{missing}: "):
        load_settings()


def test_a_dotenv_file_is_read_and_the_environment_wins(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TANGGAP_LANGUAGE=en\nTANGGAP_LEASE_SECONDS=5\nOTHER=1\n")
    environment.setenv("TANGGAP_LEASE_SECONDS", "7")
    settings = load_settings()
    assert (settings.language, settings.lease_seconds) == ("en", 7)


def test_an_unreadable_dotenv_file_is_named(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"TANGGAP_LANGUAGE=\xff\n")
    with pytest.raises(SettingsError, match=r"^\.env cannot be read"):
        load_settings()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("sqlite:///a.db", "sqlite:///a.db"),
        ("sqlite:////var/lib/a.db", "sqlite:////var/lib/a.db"),
        ("postgresql://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("postgresql+psycopg://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        (
            "postgresql://u@/d?host=a:5432&host=b:5432&target_session_attrs=read-write",
            "postgresql+psycopg://u@/d?host=a%3A5432&host=b%3A5432&target_session_attrs=read-write",
        ),
    ],
)
def test_a_database_url_names_its_driver(environment: pytest.MonkeyPatch, value: str, expected: str) -> None:
    environment.setenv("TANGGAP_DATABASE_URL", value)
    assert load_settings().database_url == expected


def test_lists_are_split_at_commas(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TANGGAP_ALLOWED_SOURCE_HOSTS", " CRM.Jakarta.go.id, 127.0.0.1,[::1],localhost, ")
    environment.setenv("TANGGAP_WEBHOOK_RETRY_SECONDS", "0.2, 1,60")
    settings = load_settings()
    assert settings.allowed_source_hosts == ("crm.jakarta.go.id", "127.0.0.1", "::1", "localhost")
    assert settings.webhook_retry_seconds == (0.2, 1, 60)


@pytest.mark.parametrize(("value", "expected"), [("off", None), ("OFF", None), ("10/second", "10/second")])
def test_the_rate_limit_can_be_switched_off(environment: pytest.MonkeyPatch, value: str, expected: str | None) -> None:
    environment.setenv("TANGGAP_RATE_LIMIT", value)
    assert load_settings().rate_limit == expected


def test_given_values_go_before_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TANGGAP_LANGUAGE", "en")
    assert load_settings(language="id", rate_limit=None).language == "id"


def test_no_secret_is_shown() -> None:
    settings = load_settings(
        secret_key=SECRET,
        data_key="the-data-key",
        database_url="postgresql://u:hunter2@h/d",
        replica_url="postgresql://u:hunter3@h/d",
        smtp_url="smtp://u:hunter4@h",
    )
    for shown in (repr(settings), str(settings), f"{settings}"):
        assert "Settings(" in shown and "u:***@h/d" in shown
        assert not any(secret in shown for secret in (SECRET, "the-data-key", "hunter"))


def test_a_password_is_hidden_in_a_database_url() -> None:
    assert hide_password("postgresql+psycopg://u:p@h/d") == "postgresql+psycopg://u:***@h/d"


def test_keys_are_derived_for_one_purpose_each() -> None:
    settings = load_settings(secret_key=SECRET)
    keys = {settings.data_key_bytes(), settings.derive_key("cursor"), settings.derive_key("session")}
    assert len(keys) == 3 and {len(key) for key in keys} == {32}
    assert settings.derive_key("cursor") == load_settings(secret_key=SECRET).derive_key("cursor")


def test_the_secret_key_changes_without_loss_when_the_old_one_becomes_the_data_key() -> None:
    before = load_settings(secret_key=SECRET)
    after = load_settings(secret_key=SECRET[::-1], data_key=SECRET)
    assert after.data_key_bytes() == before.data_key_bytes()
    assert after.derive_key("cursor") != before.derive_key("cursor")


def test_a_short_secret_is_a_weakness() -> None:
    assert [line.split()[0] for line in load_settings(secret_key="short").weaknesses()] == ["TANGGAP_SECRET_KEY"]
    assert list(load_settings(secret_key=SECRET).weaknesses()) == []


def test_every_knob_is_in_the_manual() -> None:
    manual = (Path(__file__).resolve().parents[1] / "docs" / "operations.md").read_text(encoding="utf-8")
    assert [name for name in Settings.model_fields if f"`TANGGAP_{name.upper()}`" not in manual] == []
