"""What every test may ask for: real input, a fresh database on each engine, a connection that is rolled back."""

from __future__ import annotations

import gc
import hashlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import hypothesis
import pytest
from argon2 import PasswordHasher
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import NullPool

from app.db.migrate import upgrade
from app.db.session import make_engine, writing
from app.people import passwords
from tests import postgres, spilled

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"
"""Real input beside the checkout, where there is any; tests that need it skip with a reason when it is absent."""

DSN = "TEST_DATABASE_DSN"
"""Names a PostgreSQL to test with (a superuser's maintenance database); without it the tests start their own."""
DIALECTS = ("sqlite", "postgresql")
_TEMPLATE_KEY = 20_261_124

hypothesis.settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True)
hypothesis.settings.register_profile("nightly", max_examples=2_000, deadline=None, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

_servers: list[postgres.Server] = []
_LIGHT = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


def pytest_configure(config: pytest.Config) -> None:
    """A run knows nothing of the developer's own settings; workers of one run share one server."""
    for name in [name for name in os.environ if name.startswith("TANGGAP_")]:
        del os.environ[name]
    is_worker = hasattr(config, "workerinput")
    if not is_worker and config.getoption("numprocesses", None) and DSN not in os.environ:
        os.environ[DSN] = _start_server()
    if not is_worker:
        handle, os.environ[spilled.SPILLS] = tempfile.mkstemp(prefix="tanggap-spills-")
        os.close(handle)
    spilled.watch(Path(os.environ[spilled.SPILLS]))


def pytest_collection_finish(session: pytest.Session) -> None:
    """What was imported stays for the whole run: the collector need not walk through it again and again."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """No complaint text, name, number or token in any log line of the run, or the run has failed."""
    if not hasattr(session.config, "workerinput") and Path(os.environ[spilled.SPILLS]).stat().st_size:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says which line of which test told too much."""
    told = Path(os.environ[spilled.SPILLS]).read_text(encoding="utf-8").splitlines()
    if told:
        terminalreporter.section("log lines that tell what they must not", red=True)
        for line in told[:50]:
            terminalreporter.line(line)


def pytest_unconfigure(config: pytest.Config) -> None:
    """The server goes with the run that started it."""
    while _servers:
        _servers.pop().stop()
    if not hasattr(config, "workerinput") and spilled.SPILLS in os.environ:
        Path(os.environ.pop(spilled.SPILLS)).unlink(missing_ok=True)


@pytest.fixture(scope="session", autouse=True)
def light_hashes() -> Iterator[None]:
    """Passwords are hashed as in service but for a thousandth of its cost, which is a fifth of a second each.

    Programs that a test starts hash at the full cost; `tests/people/test_passwords.py` holds it to what is asked of it.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", lambda: _LIGHT)
        yield


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    """Each engine in turn; a test for one of them parametrizes `dialect` indirectly."""
    return str(request.param)


@pytest.fixture
def database_url(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of the test's own at the newest revision, empty, for any number of connections and processes."""
    if dialect == "sqlite":
        file = tmp_path / "tanggap.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), file)
        yield f"sqlite:///{file}"
        return
    yield from _postgres_database(
        request.getfixturevalue("postgres_admin"), request.getfixturevalue("postgres_template")
    )


@pytest.fixture
def empty_database_url(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of the test's own that was never migrated."""
    if dialect == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    yield from _postgres_database(request.getfixturevalue("postgres_admin"), "template1")


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """The application's own engine on a fresh database."""
    opened = make_engine(database_url)
    yield opened
    await opened.dispose()


@pytest.fixture
async def connection(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One writing transaction that nobody commits."""
    async with writing(engine) as opened:
        yield opened
        await opened.rollback()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy."""
    file = tmp_path_factory.mktemp("template") / "template.db"
    upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def postgres_dsn() -> str:
    """The maintenance database of the server that this run tests with."""
    if DSN not in os.environ:
        os.environ[DSN] = _start_server()
    return os.environ[DSN]


@pytest.fixture(scope="session")
def postgres_admin(postgres_dsn: str) -> Iterator[Connection]:
    """A connection that may create and drop databases."""
    engine = create_engine(postgres_dsn, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as opened:
        yield opened


@pytest.fixture(scope="session")
def postgres_template(postgres_admin: Connection) -> str:
    """A migrated database to clone; made once for each state of the revisions, by whichever worker comes first."""
    name = f"tanggap_template_{_revisions_hash()}"
    postgres_admin.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _TEMPLATE_KEY})
    try:
        known = postgres_admin.scalar(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name})
        if not known:
            _make_template(postgres_admin, name)
    finally:
        postgres_admin.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _TEMPLATE_KEY})
    return name


def _start_server() -> str:
    try:
        server = postgres.start()
    except postgres.NoPostgres as error:
        raise pytest.UsageError(str(error)) from error
    _servers.append(server)
    return server.dsn


def _revisions_hash() -> str:
    digest = hashlib.sha256()
    for file in sorted((ROOT / "migrations").rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _make_template(admin: Connection, name: str) -> None:
    """Under another name until it is whole, so that a run that dies half-way leaves no half template."""
    draft = f"{name}_{uuid4().hex[:8]}"
    admin.execute(text(f'CREATE DATABASE "{draft}"'))
    upgrade(_sibling(admin, draft))
    admin.execute(text(f'ALTER DATABASE "{draft}" RENAME TO "{name}"'))


def _postgres_database(admin: Connection, template: str) -> Iterator[str]:
    name = f"tanggap_test_{uuid4().hex}"
    admin.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy'))
    yield _sibling(admin, name)
    admin.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))


def _sibling(admin: Connection, name: str) -> str:
    """The address of another database on the same server."""
    return make_url(admin.engine.url).set(database=name).render_as_string(hide_password=False)
