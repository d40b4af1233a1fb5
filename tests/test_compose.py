"""The containers: nothing runs as root, nothing secret stands in a file, nothing starts before what it needs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
OURS = ("migrate", "seed", "web", "worker")
LASTING = ("postgres", "web", "worker")
SECRET_NAMES = re.compile(r"PASSWORD|SECRET|TOKEN|_KEY|SMTP_URL|DATABASE_URL")


def _services() -> dict[str, dict[str, Any]]:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    services: dict[str, dict[str, Any]] = compose["services"]
    return services


def test_the_house_has_its_five_services() -> None:
    assert set(_services()) == {"postgres", *OURS}


@pytest.mark.parametrize("name", ["postgres", *OURS])
def test_a_service_cannot_harm_its_host(name: str) -> None:
    service = _services()[name]
    assert service["read_only"] is True
    assert "/tmp" in service["tmpfs"]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["user"].split(":")[0] not in {"", "0", "root"}
    assert "privileged" not in service


@pytest.mark.parametrize("name", ["postgres", *OURS])
def test_no_secret_has_a_value(name: str) -> None:
    environment = _services()[name]["environment"]
    secrets = {key: value for key, value in environment.items() if SECRET_NAMES.search(key)}
    assert secrets
    for key, value in secrets.items():
        assert re.search(r"\$\{\w+(:\?[^}]+|:-)\}", value), f"{key} has a value of its own"
    assert environment.get("TANGGAP_SECRET_KEY", "${:?}").endswith("?set TANGGAP_SECRET_KEY}") or name == "postgres"


@pytest.mark.parametrize("name", LASTING)
def test_what_lasts_is_watched_and_comes_back(name: str) -> None:
    service = _services()[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize(
    ("name", "needs", "condition"),
    [
        ("migrate", "postgres", "service_healthy"),
        ("seed", "migrate", "service_completed_successfully"),
        ("web", "seed", "service_completed_successfully"),
        ("worker", "seed", "service_completed_successfully"),
    ],
)
def test_a_service_waits_for_what_it_needs(name: str, needs: str, condition: str) -> None:
    assert _services()[name]["depends_on"][needs]["condition"] == condition


def test_web_and_worker_are_one_image_and_hold_no_state() -> None:
    services = _services()
    assert {services[name]["image"] for name in OURS} == {"tanggap"}
    assert not any("volumes" in services[name] or "container_name" in services[name] for name in OURS)


def test_postgres_is_recent_enough_and_closed_to_the_outside() -> None:
    postgres = _services()["postgres"]
    assert int(postgres["image"].split(":")[1].split(".")[0]) >= 15
    assert "ports" not in postgres


def _stages() -> list[str]:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    return re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]


def test_the_image_installs_what_the_lock_pins_and_runs_as_nobody() -> None:
    build, final = _stages()
    assert re.findall(r"uv sync ([^\n]*)", build) == [
        "--frozen --no-dev --no-install-project",
        "--frozen --no-dev --no-editable",
    ]
    assert re.search(r"^USER (?!0|root)\d+", final, flags=re.MULTILINE)
    assert "uv" not in final and "pip install" not in final
    assert 'ENTRYPOINT ["tanggap"]' in final and "HEALTHCHECK" in final


def test_the_image_takes_only_what_it_needs_from_the_folder() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    copied = {name for stage in _stages() for name in _copied(stage)}
    assert lines[0] == "*"
    assert copied == {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert all((ROOT / name).exists() for name in copied)


def _copied(stage: str) -> set[str]:
    rows = re.findall(r"^COPY (?!--from)(.+) \S+$", stage, flags=re.MULTILINE)
    return {name for row in rows for name in row.split()}
