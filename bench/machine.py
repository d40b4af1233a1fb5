"""What a figure was taken on: the machine, how busy it was, the versions."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("fastapi", "sqlalchemy", "psycopg", "uvicorn")


def show_machine(program: str) -> None:
    """Print the lines that every report begins with."""
    load = ", ".join(f"{each:.2f}" for each in os.getloadavg())
    print(f"{program}\n{'=' * len(program)}")
    print(f"machine:  {_processor()}, {os.cpu_count()} cores, {_memory_gb():.0f} GB; {platform.platform()}")
    print(f"load:     {load} (1, 5, 15 minutes) before the start")
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    print(f"versions: Python {platform.python_version()}, {versions}", flush=True)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
